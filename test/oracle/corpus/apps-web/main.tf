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
  arch = "amd64"
  os   = "linux"
}

resource "coder_app" "code-server" {
  agent_id     = coder_agent.main.id
  slug         = "code-server"
  display_name = "VS Code Web"
  icon         = "${data.coder_workspace.me.access_url}/icon/code.svg"
  url          = "http://localhost:13337/?folder=/home/${data.coder_workspace_owner.me.name}"
  share        = "owner"
  subdomain    = false
  open_in      = "tab"
  order        = 1
  group        = "IDEs"
  tooltip      = "Opens **VS Code** in the browser"
  healthcheck {
    url       = "http://localhost:13337/healthz"
    interval  = 3
    threshold = 10
  }
}

resource "coder_app" "plain" {
  agent_id = coder_agent.main.id
  slug     = "a"
  url      = "http://localhost:8080"
}

resource "coder_app" "public" {
  agent_id  = coder_agent.main.id
  slug      = "x1-y2"
  url       = "https://localhost:8443/path?q=1#f"
  subdomain = true
  share     = "public"
  icon      = "/emojis/1f4bb.png"
}
