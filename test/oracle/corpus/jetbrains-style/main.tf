terraform {
  required_providers {
    coder = {
      source = "coder/coder"
    }
  }
}

variable "latest" {
  type    = bool
  default = false
}

locals {
  ides = {
    GO = { name = "GoLand", build = "242.23339.11", icon = "/icon/goland.svg" }
    PY = { name = "PyCharm", build = "242.23339.19", icon = "/icon/pycharm.svg" }
  }
  build = var.latest ? "latest" : local.ides[data.coder_parameter.ide.value].build
}

data "coder_workspace" "me" {}
data "coder_workspace_owner" "me" {}

resource "coder_agent" "main" {
  arch = "amd64"
  os   = "linux"
}

data "coder_parameter" "ide" {
  type         = "string"
  name         = "jetbrains_ide"
  display_name = "JetBrains IDE"
  icon         = "/icon/gateway.svg"
  mutable      = true
  default      = "PY"
  order        = 0

  dynamic "option" {
    for_each = local.ides
    content {
      icon  = option.value.icon
      name  = option.value.name
      value = option.key
    }
  }
}

resource "coder_app" "gateway" {
  agent_id     = coder_agent.main.id
  slug         = "gateway"
  display_name = local.ides[data.coder_parameter.ide.value].name
  icon         = local.ides[data.coder_parameter.ide.value].icon
  external     = true
  url = join("", [
    "jetbrains-gateway://connect#type=coder&workspace=",
    data.coder_workspace.me.name,
    "&owner=",
    data.coder_workspace_owner.me.name,
    "&url=",
    data.coder_workspace.me.access_url,
    "&token=",
    "$SESSION_TOKEN",
    "&ide_build_number=",
    local.build,
  ])
}
