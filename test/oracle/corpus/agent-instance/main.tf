terraform {
  required_providers {
    coder = {
      source = "coder/coder"
    }
  }
}

data "coder_workspace" "me" {}

resource "coder_agent" "dev" {
  count = data.coder_workspace.me.start_count
  arch  = "amd64"
  auth  = "aws-instance-identity"
  os    = "linux"
}

resource "terraform_data" "instance" {
  count = data.coder_workspace.me.start_count
  input = "i-0123456789"
  triggers_replace = coder_agent.dev[0].init_script
}

resource "coder_agent_instance" "dev" {
  count       = data.coder_workspace.me.start_count
  agent_id    = coder_agent.dev[0].id
  instance_id = terraform_data.instance[0].output
}
