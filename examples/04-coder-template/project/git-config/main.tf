# A module as the registry has many: it is given an agent, and adds to it.
terraform {
  required_providers {
    coder = {
      source  = "coder/coder"
      version = ">= 2.4.0"
    }
  }
}

variable "agent_id" {
  type        = string
  description = "The ID of a Coder agent."
}

data "coder_workspace_owner" "me" {}

resource "coder_env" "git_committer_name" {
  agent_id = var.agent_id
  name     = "GIT_COMMITTER_NAME"
  value    = coalesce(data.coder_workspace_owner.me.full_name, data.coder_workspace_owner.me.name)
}

resource "coder_env" "git_committer_email" {
  count    = data.coder_workspace_owner.me.email != "" ? 1 : 0
  agent_id = var.agent_id
  name     = "GIT_COMMITTER_EMAIL"
  value    = data.coder_workspace_owner.me.email
}
