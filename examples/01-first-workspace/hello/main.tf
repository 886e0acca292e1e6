terraform {
  required_providers {
    # Templates written for Coder run unchanged: the same resources answer to both names.
    coder = {
      source = "coder/coder"
    }
    bothy = {
      source = "bothy/bothy"
    }
  }
}

data "coder_workspace" "me" {}

data "coder_workspace_owner" "me" {}

data "coder_provisioner" "me" {}

# What a workspace may choose. Mutable: changing it builds the running workspace anew, and keeps its home.
data "coder_parameter" "greeting" {
  name         = "greeting"
  display_name = "Greeting"
  description  = "What the workspace says to whoever enters it."
  type         = "string"
  default      = "Hello"
  mutable      = true
}

# The agent runs inside the workspace and dials out to the control plane; people reach the workspace through it.
resource "coder_agent" "main" {
  os   = data.coder_provisioner.me.os
  arch = data.coder_provisioner.me.arch

  startup_script = <<-EOT
    echo "$GREETING, ${data.coder_workspace_owner.me.name}." > "$HOME/welcome.txt"
  EOT
}

# The machine: a process of this computer. It exists while the workspace is started (count is 1) and goes when it stops.
resource "bothy_process" "dev" {
  count    = data.coder_workspace.me.start_count
  agent_id = coder_agent.main.id

  env = {
    GREETING = data.coder_parameter.greeting.value
  }
}
