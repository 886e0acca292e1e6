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

resource "coder_app" "claude" {
  agent_id = coder_agent.main.id
  slug     = "claude"
  url      = "http://localhost:3284"
}

data "coder_task" "me" {}

resource "coder_ai_task" "task" {
  count  = data.coder_task.me.enabled ? 1 : 0
  app_id = coder_app.claude.id
}

data "coder_parameter" "prompt" {
  name    = "AI Prompt"
  default = ""
  mutable = true
}
