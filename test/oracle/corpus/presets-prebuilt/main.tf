terraform {
  required_providers {
    coder = {
      source = "coder/coder"
    }
  }
}

data "coder_workspace_preset" "ready" {
  name = "Ready"
  parameters = {
    region = "eu"
  }
  prebuilds {
    instances = 2
    expiration_policy {
      ttl = 86400
    }
    scheduling {
      timezone = "Europe/Berlin"
      schedule {
        cron      = "* 8-18 * * 1-5"
        instances = 5
      }
      schedule {
        cron      = "* 9-12 * * 6"
        instances = 0
      }
    }
  }
}

data "coder_workspace_preset" "never_expires" {
  name = "Never expires"
  prebuilds {
    instances = 0
    expiration_policy {
      ttl = 0
    }
  }
}

data "coder_workspace_preset" "plain" {
  name = "Plain prebuilds"
  prebuilds {
    instances = 1
  }
}
