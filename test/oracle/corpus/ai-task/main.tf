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

data "coder_task" "me" {}

resource "coder_app" "preview" {
  agent_id = coder_agent.main.id
  slug     = "preview"
  url      = "http://localhost:3000"
}

resource "coder_ai_task" "task" {
  app_id = "22222222-3333-4444-8555-666666666666"
}

resource "terraform_data" "prompt" {
  input = [data.coder_task.me.prompt, data.coder_task.me.enabled, coder_ai_task.task.enabled, coder_ai_task.task.prompt]
}
