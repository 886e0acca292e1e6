terraform {
  required_providers {
    coder = {
      source = "coder/coder"
    }
  }
}

data "coder_workspace" "me" {}

resource "coder_agent" "main" {
  arch = "amd64"
  os   = "linux"
}

module "code-server" {
  count    = data.coder_workspace.me.start_count
  source   = "./code-server"
  agent_id = coder_agent.main.id
  order    = 1
  settings = {
    "workbench.colorTheme" = "Default Dark Modern"
  }
}

module "second" {
  source   = "./code-server"
  agent_id = coder_agent.main.id
  slug     = "second"
  port     = 13338
}
