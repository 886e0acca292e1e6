terraform {
  required_providers {
    coder = {
      source = "coder/coder"
    }
  }
}

data "coder_workspace" "me" {}
data "coder_workspace_owner" "me" {}

resource "coder_agent" "main" {
  count = data.coder_workspace.me.prebuild_count + data.coder_workspace.me.start_count
  arch  = "amd64"
  os    = "linux"
}

resource "terraform_data" "claimed" {
  count = data.coder_workspace.me.is_prebuild_claim ? 1 : 0
  input = data.coder_workspace_owner.me.name
}

resource "terraform_data" "waiting" {
  count = data.coder_workspace.me.is_prebuild ? 1 : 0
}

resource "terraform_data" "machine" {
  input = data.coder_workspace.me.id
  lifecycle {
    ignore_changes = all
  }
}
