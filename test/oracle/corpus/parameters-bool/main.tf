terraform {
  required_providers {
    coder = {
      source = "coder/coder"
    }
  }
}

data "coder_parameter" "gpu" {
  name    = "gpu"
  type    = "bool"
  default = false
}

data "coder_parameter" "switch" {
  name      = "switch"
  type      = "bool"
  form_type = "switch"
  default   = "true"
}

data "coder_parameter" "radio" {
  name    = "bool radio"
  type    = "bool"
  default = "true"
  option {
    name  = "Yes"
    value = "true"
  }
  option {
    name  = "No"
    value = "false"
  }
}

data "coder_parameter" "dropdown" {
  name      = "bool dropdown"
  type      = "bool"
  form_type = "dropdown"
  default   = "false"
  option {
    name  = "On"
    value = "true"
  }
  option {
    name  = "Off"
    value = "false"
  }
}

resource "terraform_data" "gpu" {
  count = data.coder_parameter.gpu.value ? 1 : 0
}

resource "terraform_data" "switched" {
  count = data.coder_parameter.switch.value == "true" ? 1 : 0
}
