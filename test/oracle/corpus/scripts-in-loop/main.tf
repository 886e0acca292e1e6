terraform {
  required_providers {
    coder = {
      source = "coder/coder"
    }
  }
}

data "coder_workspace" "me" {}

resource "coder_agent" "main" {
  count = data.coder_workspace.me.start_count
  arch  = "amd64"
  os    = "linux"
}

resource "coder_script" "each" {
  for_each     = data.coder_workspace.me.start_count == 1 ? toset(["one", "two"]) : toset([])
  agent_id     = coder_agent.main[0].id
  display_name = "Script ${each.key}"
  script       = "echo ${each.key} $${HOME}"
  run_on_start = each.key == "one"
  run_on_stop  = each.key == "two"
}
