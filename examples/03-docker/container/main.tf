terraform {
  required_providers {
    coder = {
      source = "coder/coder"
    }
    bothy = {
      source = "bothy/bothy"
    }
  }
}

data "coder_workspace" "me" {}

data "coder_provisioner" "me" {}

# Another image is another container: the session in it ends, and the home is kept.
data "coder_parameter" "image" {
  name         = "image"
  display_name = "Image"
  description  = "What the container is made of. It needs glibc and a shell: Debian, Ubuntu, Red Hat and what is made of them."
  type         = "string"
  default      = "debian:bookworm"
  mutable      = true
}

# Another limit is set while the container runs: nobody notices.
data "coder_parameter" "memory" {
  name         = "memory"
  display_name = "Memory"
  description  = "In MiB."
  type         = "number"
  default      = "2048"
  mutable      = true

  validation {
    min = 128
    max = 65536
  }
}

# Runs in the container, and dials out to the control plane by a socket that is mounted there: no network is needed for it.
resource "coder_agent" "main" {
  os   = "linux"
  arch = data.coder_provisioner.me.arch

  startup_script = <<-EOT
    [ -f "$HOME/welcome.txt" ] || echo "This home stays when the workspace stops." > "$HOME/welcome.txt"
  EOT
}

# The machine. It exists while the workspace is started (count is 1) and goes when it stops.
resource "bothy_container" "main" {
  count     = data.coder_workspace.me.start_count
  agent_id  = coder_agent.main.id
  image     = data.coder_parameter.image.value
  memory_mb = data.coder_parameter.memory.value
  workdir   = "/home/dev"

  env = {
    HOME = "/home/dev"
  }

  # Kept when the workspace stops, gone when it is deleted.
  volume {
    name   = "home"
    target = "/home/dev"
  }

  # Goes at every stop.
  volume {
    name      = "cache"
    target    = "/var/cache/dev"
    ephemeral = true
  }
}

# Whatever is started on port 8000 of the container, in the browser.
resource "coder_app" "preview" {
  agent_id     = coder_agent.main.id
  slug         = "preview"
  display_name = "Preview (port 8000)"
  url          = "http://localhost:8000"
  share        = "owner"
}

# A command in a terminal in the browser.
resource "coder_app" "processes" {
  agent_id     = coder_agent.main.id
  slug         = "processes"
  display_name = "Processes"
  command      = "top"
}
