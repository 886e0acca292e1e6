terraform {
  required_providers {
    coder = {
      source = "coder/coder"
    }
  }
}

data "coder_parameter" "tags" {
  name      = "tags"
  type      = "list(string)"
  form_type = "tag-select"
  default   = jsonencode(["one", "two"])
}

data "coder_parameter" "empty" {
  name    = "empty list"
  type    = "list(string)"
  default = "[]"
}

data "coder_parameter" "ides" {
  name      = "ides"
  type      = "list(string)"
  form_type = "multi-select"
  mutable   = true
  default   = jsonencode(["code-server", "jetbrains"])
  option {
    name  = "code-server"
    value = "code-server"
    icon  = "/icon/code.svg"
  }
  option {
    name  = "JetBrains"
    value = "jetbrains"
  }
  option {
    name  = "Zed"
    value = "zed"
  }
}

data "coder_parameter" "sets" {
  name    = "sets"
  type    = "list(string)"
  default = jsonencode(["a", "b"])
  option {
    name  = "Both"
    value = jsonencode(["a", "b"])
  }
  option {
    name  = "One"
    value = jsonencode(["a"])
  }
}

resource "terraform_data" "ide" {
  for_each = toset(jsondecode(data.coder_parameter.ides.value))
  input    = each.key
}
