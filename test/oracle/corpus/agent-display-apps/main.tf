terraform {
  required_providers {
    coder = {
      source = "coder/coder"
    }
  }
}

resource "coder_agent" "none" {
  arch = "arm64"
  os   = "darwin"
  display_apps {
    vscode                 = false
    vscode_insiders        = false
    web_terminal           = false
    ssh_helper             = false
    port_forwarding_helper = false
  }
}

resource "coder_agent" "some" {
  arch = "amd64"
  os   = "linux"
  display_apps {
    vscode_insiders = true
    ssh_helper      = false
  }
}

resource "coder_agent" "empty_block" {
  arch = "amd64"
  os   = "linux"
  display_apps {}
}

resource "coder_agent" "default" {
  arch = "armv7"
  os   = "windows"
}

resource "terraform_data" "seen" {
  input = [for app in coder_agent.default.display_apps : app.web_terminal]
}
