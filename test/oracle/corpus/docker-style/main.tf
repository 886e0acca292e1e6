terraform {
  required_providers {
    coder = {
      source = "coder/coder"
    }
  }
}

locals {
  username = data.coder_workspace_owner.me.name
}

variable "docker_socket" {
  default     = ""
  description = "(Optional) Docker socket URI"
  type        = string
}

data "coder_provisioner" "me" {}
data "coder_workspace" "me" {}
data "coder_workspace_owner" "me" {}

resource "coder_agent" "main" {
  arch           = data.coder_provisioner.me.arch
  os             = "linux"
  startup_script = "set -e\n"

  env = {
    GIT_AUTHOR_NAME     = coalesce(data.coder_workspace_owner.me.full_name, data.coder_workspace_owner.me.name)
    GIT_AUTHOR_EMAIL    = "${data.coder_workspace_owner.me.email}"
    GIT_COMMITTER_NAME  = coalesce(data.coder_workspace_owner.me.full_name, data.coder_workspace_owner.me.name)
    GIT_COMMITTER_EMAIL = "${data.coder_workspace_owner.me.email}"
  }

  metadata {
    display_name = "CPU Usage"
    key          = "0_cpu_usage"
    script       = "coder stat cpu"
    interval     = 10
    timeout      = 1
  }
}

resource "terraform_data" "docker_volume_home_volume" {
  input = {
    name = "coder-${data.coder_workspace.me.id}-home"
    labels = {
      "coder.owner"                    = data.coder_workspace_owner.me.name
      "coder.owner_id"                 = data.coder_workspace_owner.me.id
      "coder.workspace_id"             = data.coder_workspace.me.id
      "coder.workspace_name_at_create" = data.coder_workspace.me.name
    }
  }
  lifecycle {
    ignore_changes = all
  }
}

resource "terraform_data" "docker_container_workspace" {
  count = data.coder_workspace.me.start_count
  input = {
    image      = "codercom/enterprise-base:ubuntu"
    name       = "coder-${data.coder_workspace_owner.me.name}-${lower(data.coder_workspace.me.name)}"
    hostname   = data.coder_workspace.me.name
    entrypoint = ["sh", "-c", replace(coder_agent.main.init_script, "/localhost|127\\.0\\.0\\.1/", "host.docker.internal")]
    env        = ["CODER_AGENT_TOKEN=${coder_agent.main.token}"]
    volume     = terraform_data.docker_volume_home_volume.output.name
  }
}

resource "coder_metadata" "container_info" {
  count       = data.coder_workspace.me.start_count
  resource_id = terraform_data.docker_container_workspace[0].id
  item {
    key   = "image"
    value = terraform_data.docker_container_workspace[0].output.image
  }
}
