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

# Another image is another pod: the session in it ends, and the home is kept.
data "coder_parameter" "image" {
  name         = "image"
  display_name = "Image"
  description  = "What the pod is made of. It needs glibc, a shell, and curl or wget: most images that programs are built in."
  type         = "string"
  default      = "buildpack-deps:bookworm-curl"
  mutable      = true
}

data "coder_parameter" "memory" {
  name         = "memory"
  display_name = "Memory"
  description  = "The most it may use, as Kubernetes writes it."
  type         = "string"
  default      = "2Gi"
  mutable      = true

  validation {
    regex = "^[0-9]+(Mi|Gi)$"
    error = "must be like 512Mi or 2Gi"
  }
}

# Runs in the pod, and dials out to the control plane: nothing listens in the pod.
resource "coder_agent" "main" {
  os   = "linux"
  arch = data.coder_provisioner.me.arch

  startup_script = <<-EOT
    [ -f "$HOME/welcome.txt" ] || echo "This home stays when the workspace stops." > "$HOME/welcome.txt"
  EOT
}

# The machine. It exists while the workspace is started (count is 1) and goes when it stops.
resource "bothy_pod" "main" {
  count          = data.coder_workspace.me.start_count
  agent_id       = coder_agent.main.id
  image          = data.coder_parameter.image.value
  cpu_request    = "100m"
  memory_request = "256Mi"
  memory_limit   = data.coder_parameter.memory.value

  env = {
    HOME = "/home/dev"
  }

  # Nobody in the image needs to have this number.
  security_context {
    run_as_user = 1000
    fs_group    = 1000
  }

  # A claim of its own: kept when the workspace stops, gone when it is deleted.
  storage {
    size  = "5Gi"
    mount = "/home/dev"
  }
}
