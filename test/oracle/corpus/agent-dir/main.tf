terraform {
  required_providers {
    coder = {
      source = "coder/coder"
    }
  }
}

data "coder_workspace" "me" {}

resource "coder_agent" "home" {
  arch = "amd64"
  os   = "linux"
  dir  = "$HOME"
}

resource "coder_agent" "elsewhere" {
  count = data.coder_workspace.me.start_count
  arch  = "amd64"
  os    = "linux"
  dir   = "/workspaces/${data.coder_workspace.me.name}"
}
