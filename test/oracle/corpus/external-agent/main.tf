terraform {
  required_providers {
    coder = {
      source = "coder/coder"
    }
  }
}

data "coder_workspace" "me" {}

resource "coder_agent" "outside" {
  count = data.coder_workspace.me.start_count
  arch  = "amd64"
  os    = "linux"
}

resource "coder_external_agent" "outside" {
  count    = data.coder_workspace.me.start_count
  agent_id = coder_agent.outside[0].id
}
