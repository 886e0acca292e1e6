terraform {
  required_providers {
    coder = {
      source = "coder/coder"
    }
  }
}

data "coder_parameter" "user" {
  name    = "user name"
  default = "ada"
  validation {
    regex = "^[a-z]+$"
    error = "Only lower-case letters"
  }
}

data "coder_parameter" "part" {
  name    = "part of it"
  default = "has 42 in it"
  validation {
    regex = "[0-9]{2}"
    error = "Two digits, somewhere"
  }
}

data "coder_parameter" "empty_rules" {
  name    = "empty rules"
  default = "whatever"
  validation {}
}

data "coder_parameter" "list" {
  name    = "validated list"
  type    = "list(string)"
  default = "[]"
  validation {}
}

resource "terraform_data" "rules" {
  input = [
    data.coder_parameter.user.validation[0].min_disabled,
    data.coder_parameter.user.validation[0].max_disabled,
    data.coder_parameter.user.validation[0].regex,
  ]
}
