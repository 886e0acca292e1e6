terraform {
  required_providers {
    coder = {
      source = "coder/coder"
    }
  }
}

provider "coder" {
}

variable "namespace" {
  type    = string
  default = "coder"
}

data "coder_parameter" "cpu" {
  name         = "k8s_cpu"
  display_name = "CPU"
  description  = "The number of CPU cores"
  default      = "2"
  icon         = "/icon/memory.svg"
  mutable      = true
  option {
    name  = "2 Cores"
    value = "2"
  }
  option {
    name  = "4 Cores"
    value = "4"
  }
}

data "coder_parameter" "home_disk_size" {
  name         = "home_disk_size"
  display_name = "Home disk size"
  description  = "The size of the home disk in GB"
  default      = "10"
  type         = "number"
  icon         = "/emojis/1f4be.png"
  mutable      = false
  validation {
    min = 1
    max = 99999
  }
}

data "coder_workspace" "me" {}
data "coder_workspace_owner" "me" {}

resource "coder_agent" "main" {
  os             = "linux"
  arch           = "amd64"
  startup_script = "set -e"
  metadata {
    display_name = "Home Disk"
    key          = "3_home_disk"
    script       = "coder stat disk --path $${HOME}"
    interval     = 60
    timeout      = 1
  }
}

resource "coder_app" "code-server" {
  agent_id     = coder_agent.main.id
  slug         = "code-server"
  display_name = "code-server"
  icon         = "/icon/code.svg"
  url          = "http://localhost:13337?folder=/home/coder"
  subdomain    = false
  share        = "owner"

  healthcheck {
    url       = "http://localhost:13337/healthz"
    interval  = 3
    threshold = 10
  }
}

resource "terraform_data" "kubernetes_persistent_volume_claim_home" {
  input = {
    name    = "coder-${data.coder_workspace.me.id}-home"
    storage = "${data.coder_parameter.home_disk_size.value}Gi"
    email   = data.coder_workspace_owner.me.email
  }
}

resource "terraform_data" "kubernetes_deployment_main" {
  count = data.coder_workspace.me.start_count
  input = {
    namespace = var.namespace
    command   = ["sh", "-c", coder_agent.main.init_script]
    env       = { CODER_AGENT_TOKEN = coder_agent.main.token }
    limits    = { cpu = data.coder_parameter.cpu.value }
    claim     = terraform_data.kubernetes_persistent_volume_claim_home.output.name
  }
}
