terraform {
  required_providers {
    coder = {
      source = "coder/coder"
    }
  }
}

data "coder_workspace" "me" {}

resource "coder_agent" "main" {
  for_each = toset(["one", "two"])
  arch     = "amd64"
  os       = "linux"
}

module "dotfiles" {
  for_each = coder_agent.main
  source   = "./dotfiles"
  agent_id = each.value.id
  name     = each.key
}
