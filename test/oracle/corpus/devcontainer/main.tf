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

resource "coder_devcontainer" "project" {
  count            = data.coder_workspace.me.start_count
  agent_id         = coder_agent.main.id
  workspace_folder = "/workspaces/project"
}

resource "coder_devcontainer" "configured" {
  agent_id         = coder_agent.main.id
  workspace_folder = "/workspaces/other"
  config_path      = "/workspaces/other/.devcontainer/python/devcontainer.json"
}

resource "coder_app" "in_container" {
  agent_id = coder_devcontainer.configured.subagent_id
  slug     = "web"
  url      = "http://localhost:3000"
}

resource "coder_script" "in_container" {
  agent_id     = coder_devcontainer.configured.subagent_id
  display_name = "Inside"
  script       = "make"
  run_on_start = true
}
