terraform {
  required_providers {
    coder = {
      source = "coder/coder"
    }
  }
}

# What modules pass on when nobody set their variables.
variable "nothing" {
  type    = string
  default = null
}

variable "no_number" {
  type    = number
  default = null
}

variable "no_map" {
  type    = map(string)
  default = null
}

resource "coder_agent" "main" {
  arch                    = "amd64"
  os                      = "linux"
  env                     = var.no_map
  startup_script          = var.nothing
  connection_timeout      = var.no_number
  startup_script_behavior = var.nothing
  order                   = var.no_number
}

resource "coder_app" "web" {
  agent_id     = coder_agent.main.id
  slug         = "web"
  display_name = var.nothing
  share        = var.nothing
  icon         = var.nothing
  order        = var.no_number
  url          = "http://localhost"
}

resource "coder_script" "s" {
  agent_id     = coder_agent.main.id
  display_name = ""
  script       = ""
  cron         = var.nothing
  timeout      = var.no_number
  run_on_start = true
}

data "coder_parameter" "p" {
  name        = "nulls"
  default     = var.nothing
  description = var.nothing
  order       = var.no_number
  type        = var.nothing
  form_type   = var.nothing
  icon        = ""
}

resource "coder_metadata" "m" {
  resource_id = coder_agent.main.id
  icon        = var.nothing
  item {
    key       = "k"
    value     = var.nothing
    sensitive = null
  }
}
