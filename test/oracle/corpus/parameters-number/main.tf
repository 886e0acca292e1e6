terraform {
  required_providers {
    coder = {
      source = "coder/coder"
    }
  }
}

data "coder_parameter" "cores" {
  name    = "cores"
  type    = "number"
  default = 2
  mutable = true
  validation {
    min = 1
    max = 8
  }
}

data "coder_parameter" "slider" {
  name      = "slider"
  type      = "number"
  form_type = "slider"
  default   = "50"
  validation {
    min   = 0
    max   = 100
    error = "{value} is not between {min} and {max}"
  }
}

data "coder_parameter" "fraction" {
  name    = "fraction"
  type    = "number"
  default = 0.5
}

data "coder_parameter" "negative" {
  name    = "negative"
  type    = "number"
  default = -3
  validation {
    max = -1
  }
}

data "coder_parameter" "sizes" {
  name      = "sizes"
  type      = "number"
  form_type = "dropdown"
  default   = 20
  option {
    name  = "Small"
    value = 10
  }
  option {
    name  = "Large"
    value = 20
  }
}

data "coder_parameter" "growing" {
  name    = "growing"
  type    = "number"
  default = 10
  mutable = true
  validation {
    monotonic = "increasing"
  }
}

data "coder_parameter" "unset" {
  name = "unset number"
  type = "number"
}
