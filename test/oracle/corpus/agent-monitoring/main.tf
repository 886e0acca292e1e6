terraform {
  required_providers {
    coder = {
      source = "coder/coder"
    }
  }
}

resource "coder_agent" "main" {
  arch = "amd64"
  os   = "linux"

  resources_monitoring {
    memory {
      enabled   = true
      threshold = 80
    }
    volume {
      path      = "/volume1"
      enabled   = true
      threshold = 80
    }
    volume {
      path      = "/volume2"
      enabled   = false
      threshold = 100
    }
  }
}

resource "coder_agent" "memory_only" {
  arch = "amd64"
  os   = "linux"
  resources_monitoring {
    memory {
      enabled   = false
      threshold = 0
    }
  }
}
