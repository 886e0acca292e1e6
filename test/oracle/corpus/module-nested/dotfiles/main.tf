terraform {
  required_providers {
    coder = {
      source = "coder/coder"
    }
  }
}

variable "agent_id" {
  type = string
}

variable "name" {
  type = string
}

data "coder_parameter" "dotfiles_uri" {
  name         = "dotfiles_uri_${var.name}"
  display_name = "Dotfiles URL"
  order        = null
  default      = ""
  description  = "Enter a URL for a [dotfiles repository](https://dotfiles.github.io)"
  mutable      = true
  icon         = "/icon/dotfiles.svg"
}

resource "coder_script" "dotfiles" {
  agent_id     = var.agent_id
  display_name = "Dotfiles"
  icon         = "/icon/dotfiles.svg"
  script       = "DOTFILES_URI=${data.coder_parameter.dotfiles_uri.value}"
  run_on_start = true
}

module "env" {
  source   = "./git-config"
  agent_id = var.agent_id
}

output "uri" {
  value = data.coder_parameter.dotfiles_uri.value
}
