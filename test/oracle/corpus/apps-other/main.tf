terraform {
  required_providers {
    coder = {
      source = "coder/coder"
    }
  }
}

resource "coder_agent" "main" {
  arch = "amd64"
  os   = "linux"
}

resource "coder_app" "command" {
  agent_id     = coder_agent.main.id
  slug         = "htop"
  display_name = "htop"
  command      = "htop --user"
  icon         = "/icon/widgets.svg"
}

resource "coder_app" "external" {
  agent_id     = coder_agent.main.id
  slug         = "docs"
  display_name = "Documentation"
  external     = true
  url          = "https://docs.example.com/$SESSION_TOKEN"
}

resource "coder_app" "hidden" {
  agent_id = coder_agent.main.id
  slug     = "backend"
  url      = "http://localhost:9000"
  hidden   = true
}

resource "coder_app" "hidden_named" {
  agent_id     = coder_agent.main.id
  slug         = "backend2"
  display_name = "Nobody sees this"
  url          = "http://localhost:9001"
  hidden       = true
  icon         = ""
}
