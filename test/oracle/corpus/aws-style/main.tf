terraform {
  required_providers {
    coder = {
      source = "coder/coder"
    }
  }
}

data "coder_parameter" "region" {
  name         = "aws region"
  display_name = "Region"
  default      = "us-east-1"
  mutable      = false
  option {
    name  = "US East (N. Virginia)"
    value = "us-east-1"
    icon  = "/emojis/1f1fa-1f1f8.png"
  }
  option {
    name  = "EU (Frankfurt)"
    value = "eu-central-1"
    icon  = "/emojis/1f1ea-1f1fa.png"
  }
}

data "coder_workspace" "me" {}
data "coder_workspace_owner" "me" {}

resource "coder_agent" "dev" {
  count = data.coder_workspace.me.start_count
  arch  = "amd64"
  auth  = "token"
  os    = "linux"
  display_apps {
    vscode = true
  }
  shutdown_script = "sudo shutdown -h now"
}

locals {
  hostname   = lower(data.coder_workspace.me.name)
  linux_user = "coder"
  user_data  = base64encode(try(coder_agent.dev[0].init_script, ""))
}

resource "terraform_data" "instance" {
  input = {
    hostname  = local.hostname
    user      = local.linux_user
    user_data = data.coder_workspace.me.transition == "start" ? local.user_data : ""
    region    = data.coder_parameter.region.value
  }
}

resource "coder_metadata" "workspace_info" {
  resource_id = terraform_data.instance.id
  daily_cost  = 4
  item {
    key   = "region"
    value = data.coder_parameter.region.value
  }
}

resource "coder_agent_instance" "state" {
  count       = data.coder_workspace.me.start_count
  agent_id    = try(coder_agent.dev[0].id, "")
  instance_id = terraform_data.instance.id
}
