terraform {
  required_providers {
    coder = {
      source  = "coder/coder"
      version = ">= 2.4.0"
    }
    # The machine below is ours. In the template that this was, a docker_container stood in its place.
    bothy = {
      source = "bothy/bothy"
    }
  }
}

provider "coder" {
}

locals {
  username = data.coder_workspace_owner.me.name
  folder   = "project"
}

data "coder_provisioner" "me" {}
data "coder_workspace" "me" {}
data "coder_workspace_owner" "me" {}

data "coder_parameter" "greeting" {
  name         = "greeting"
  display_name = "Greeting"
  description  = "What the workspace says to whoever enters it."
  type         = "string"
  default      = "Hello"
  mutable      = true
  icon         = "/emojis/1f44b.png"
  order        = 1
  validation {
    regex = "^[A-Z]"
    error = "A greeting begins with a capital letter."
  }
}

data "coder_parameter" "jobs" {
  name        = "jobs"
  description = "How many things are made at a time."
  type        = "number"
  form_type   = "slider"
  default     = 2
  mutable     = true
  order       = 2
  validation {
    min = 1
    max = 16
  }
}

data "coder_parameter" "tools" {
  name        = "tools"
  description = "What is set up when the workspace starts."
  type        = "list(string)"
  form_type   = "multi-select"
  default     = jsonencode(["notes"])
  mutable     = true
  order       = 3
  option {
    name  = "Notes"
    value = "notes"
    icon  = "/emojis/1f4dd.png"
  }
  option {
    name        = "Web server"
    value       = "web"
    description = "Serves the project's folder; needs python3."
  }
}

data "coder_workspace_preset" "small" {
  name    = "Small"
  default = true
  parameters = {
    "jobs"  = "1"
    "tools" = jsonencode([])
  }
}

data "coder_workspace_preset" "everything" {
  name        = "Everything"
  description = "All tools, many jobs"
  parameters = {
    "greeting" = "Hello from the preset"
    "jobs"     = "8"
    "tools"    = jsonencode(["notes", "web"])
  }
}

resource "coder_agent" "main" {
  arch           = data.coder_provisioner.me.arch
  os             = data.coder_provisioner.me.os
  startup_script = <<-EOT
    set -e
    # Prepare the home on the first start.
    if [ ! -f ~/.init_done ]; then
      mkdir -p ~/${local.folder}
      touch ~/.init_done
    fi
    echo "${data.coder_parameter.greeting.value}, ${local.username}." > ~/welcome.txt
  EOT

  env = {
    GIT_AUTHOR_NAME  = coalesce(data.coder_workspace_owner.me.full_name, data.coder_workspace_owner.me.name)
    GIT_AUTHOR_EMAIL = "${data.coder_workspace_owner.me.email}"
    MAKEFLAGS        = "-j${data.coder_parameter.jobs.value}"
  }

  metadata {
    display_name = "Load"
    key          = "0_load"
    script       = "cut -d' ' -f1 /proc/loadavg"
    interval     = 10
    timeout      = 1
  }

  metadata {
    display_name = "Files"
    key          = "1_files"
    script       = "find ~/${local.folder} -type f | wc -l"
    interval     = 60
    timeout      = 5
  }

  display_apps {
    vscode          = true
    vscode_insiders = false
    web_terminal    = true
  }
}

resource "coder_script" "notes" {
  count              = contains(jsondecode(data.coder_parameter.tools.value), "notes") ? 1 : 0
  agent_id           = coder_agent.main.id
  display_name       = "Notes"
  icon               = "/emojis/1f4dd.png"
  script             = "echo \"built for $(whoami)\" > ~/notes.txt"
  run_on_start       = true
  start_blocks_login = true
}

resource "coder_script" "tidy" {
  agent_id     = coder_agent.main.id
  display_name = "Tidy up at night"
  script       = "rm -rf ~/${local.folder}/tmp"
  cron         = "0 0 3 * * *"
}

resource "coder_script" "web" {
  count        = contains(jsondecode(data.coder_parameter.tools.value), "web") ? 1 : 0
  agent_id     = coder_agent.main.id
  display_name = "Web server"
  icon         = "/icon/widgets.svg"
  script       = <<-EOT
    command -v python3 >/dev/null || { echo "python3 is not here: nothing is served"; exit 0; }
    mkdir -p ~/${local.folder} && cd ~/${local.folder}
    python3 -m http.server 13337 --bind 127.0.0.1 >~/web.log 2>&1 &
  EOT
  run_on_start = true
}

resource "coder_app" "web" {
  count        = contains(jsondecode(data.coder_parameter.tools.value), "web") ? 1 : 0
  agent_id     = coder_agent.main.id
  slug         = "web"
  display_name = "Project"
  icon         = "/icon/folder.svg"
  url          = "http://localhost:13337/"
  subdomain    = false
  share        = "owner"
  healthcheck {
    url       = "http://localhost:13337/"
    interval  = 5
    threshold = 6
  }
}

resource "coder_app" "top" {
  agent_id     = coder_agent.main.id
  slug         = "top"
  display_name = "What runs"
  icon         = "/icon/memory.svg"
  command      = "top"
}

module "git-config" {
  source   = "./git-config"
  agent_id = coder_agent.main.id
}

# The machine: it exists while the workspace is started, and goes when it stops. Its home stays.
resource "bothy_process" "workspace" {
  count    = data.coder_workspace.me.start_count
  agent_id = coder_agent.main.id
}

resource "coder_metadata" "workspace" {
  count       = data.coder_workspace.me.start_count
  resource_id = bothy_process.workspace[0].agent_id
  item {
    key   = "jobs"
    value = data.coder_parameter.jobs.value
  }
  item {
    key   = "home"
    value = bothy_process.workspace[0].home
  }
}
