terraform {
  required_providers {
    coder = {
      source = "coder/coder"
    }
  }
}

locals {
  shown = {
    home = { name = "Home Disk", script = "coder stat disk --path $HOME", every = 60 }
    cpu  = { name = "CPU Host", script = "coder stat cpu --host", every = 10 }
  }
}

resource "coder_agent" "main" {
  arch = "amd64"
  os   = "linux"

  dynamic "metadata" {
    for_each = local.shown
    content {
      key          = metadata.key
      display_name = metadata.value.name
      script       = metadata.value.script
      interval     = metadata.value.every
    }
  }
}
