terraform {
  required_providers {
    coder = {
      source = "coder/coder"
    }
  }
}

data "coder_parameter" "rebuild" {
  name      = "force rebuild"
  type      = "bool"
  default   = false
  mutable   = true
  ephemeral = true
}

data "coder_parameter" "immutable" {
  name    = "immutable"
  default = "fixed"
  mutable = false
}

data "coder_workspace" "me" {}

resource "terraform_data" "image" {
  count            = data.coder_workspace.me.start_count
  triggers_replace = data.coder_parameter.rebuild.value
}
