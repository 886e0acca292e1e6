terraform {
  required_providers {
    coder = {
      source = "coder/coder"
    }
  }
}

variable "agent_id" {
  type        = string
  description = "The ID of a Coder agent."
}

variable "port" {
  type    = number
  default = 13337
}

variable "slug" {
  type    = string
  default = "code-server"
}

variable "order" {
  type    = number
  default = null
}

variable "share" {
  type    = string
  default = "owner"
  validation {
    condition     = contains(["owner", "authenticated", "public"], var.share)
    error_message = "Incorrect value."
  }
}

variable "settings" {
  type    = any
  default = {}
}

resource "coder_script" "code-server" {
  agent_id     = var.agent_id
  display_name = "code-server"
  icon         = "/icon/code.svg"
  script = templatefile("${path.module}/run.sh", {
    PORT     = var.port
    SETTINGS = replace(jsonencode(var.settings), "\"", "\\\"")
  })
  run_on_start = true
}

resource "coder_app" "code-server" {
  agent_id     = var.agent_id
  slug         = var.slug
  display_name = "code-server"
  url          = "http://localhost:${var.port}/"
  icon         = "/icon/code.svg"
  subdomain    = false
  share        = var.share
  order        = var.order
  healthcheck {
    url       = "http://localhost:${var.port}/healthz"
    interval  = 5
    threshold = 6
  }
}
