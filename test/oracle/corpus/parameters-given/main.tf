terraform {
  required_providers {
    coder = {
      source = "coder/coder"
    }
  }
}

# Values of these come from whoever asks for the workspace.
data "coder_parameter" "region" {
  name    = "given region"
  default = "eu"
  mutable = true
  option {
    name  = "Europe"
    value = "eu"
  }
  option {
    name  = "America"
    value = "us"
  }
}

data "coder_parameter" "cpu" {
  name    = "given cpu"
  type    = "number"
  default = 2
  mutable = true
  validation {
    min       = 1
    max       = 16
    monotonic = "increasing"
  }
}

data "coder_parameter" "memory" {
  name    = "given memory"
  type    = "number"
  mutable = true
  validation {
    monotonic = "decreasing"
  }
}

data "coder_parameter" "empty" {
  name    = "given empty"
  default = "not this"
}

data "coder_parameter" "picked" {
  name      = "given picked"
  type      = "list(string)"
  form_type = "multi-select"
  option {
    name  = "A"
    value = "a"
  }
  option {
    name  = "B"
    value = "b"
  }
}

data "coder_parameter" "repaired" {
  name    = "given repaired"
  type    = "number"
  mutable = true
  validation {
    monotonic = "increasing"
  }
}

resource "terraform_data" "seen" {
  input = [
    data.coder_parameter.region.value, data.coder_parameter.cpu.value, data.coder_parameter.memory.value,
    data.coder_parameter.empty.value, data.coder_parameter.picked.value, data.coder_parameter.repaired.value,
  ]
}
