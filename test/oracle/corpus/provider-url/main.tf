terraform {
  required_providers {
    coder = {
      source = "coder/coder"
    }
  }
}

provider "coder" {
  url = "https://deployment.example.com:8443/base"
}

data "coder_workspace" "me" {}

resource "coder_agent" "main" {
  arch = "amd64"
  os   = "linux"
}

resource "coder_app" "icon" {
  agent_id = coder_agent.main.id
  slug     = "icon"
  icon     = "${data.coder_workspace.me.access_url}/icon/code.svg"
  url      = "http://localhost:${data.coder_workspace.me.access_port}"
}
