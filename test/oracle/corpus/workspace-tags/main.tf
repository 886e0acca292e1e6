terraform {
  required_providers {
    coder = {
      source = "coder/coder"
    }
  }
}

data "coder_parameter" "os" {
  name    = "runtime os"
  default = "linux"
  option {
    name  = "Linux"
    value = "linux"
  }
  option {
    name  = "macOS"
    value = "darwin"
  }
}

data "coder_workspace_tags" "tags" {
  tags = {
    cluster = "developers"
    os      = data.coder_parameter.os.value
    debug   = "${data.coder_parameter.os.value}+12345"
    cache   = data.coder_parameter.os.value == "linux" ? "nix-with-cache" : "no-cache"
  }
}

data "coder_workspace_tags" "none" {
}
