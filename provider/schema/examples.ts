/** An example of each type, by its name without a prefix. They are validated by terraform itself before anybody reads them. */

const AGENT = `resource "bothy_agent" "main" {
  os   = "linux"
  arch = "amd64"
}
`

export const EXAMPLES: Readonly<Record<string, string>> = {
  workspace: `data "bothy_workspace" "me" {}

# Whatever has this count is there while the workspace runs, and goes when it stops.
resource "terraform_data" "machine" {
  count = data.bothy_workspace.me.start_count
  input = "dev-\${data.bothy_workspace.me.name}"
}
`,
  workspace_owner: `data "bothy_workspace_owner" "me" {}

resource "bothy_agent" "main" {
  os   = "linux"
  arch = "amd64"
  env = {
    GIT_AUTHOR_NAME  = coalesce(data.bothy_workspace_owner.me.full_name, data.bothy_workspace_owner.me.name)
    GIT_AUTHOR_EMAIL = data.bothy_workspace_owner.me.email
  }
}
`,
  provisioner: `data "bothy_provisioner" "me" {}

resource "bothy_agent" "main" {
  os   = data.bothy_provisioner.me.os
  arch = data.bothy_provisioner.me.arch
}
`,
  parameter: `data "bothy_parameter" "region" {
  name         = "region"
  display_name = "Region"
  form_type    = "dropdown"
  default      = "eu"
  option {
    name  = "Europe"
    value = "eu"
  }
  option {
    name  = "America"
    value = "us"
  }
}

data "bothy_parameter" "disk" {
  name    = "disk"
  type    = "number"
  default = 10
  mutable = true
  validation {
    min       = 10
    max       = 100
    monotonic = "increasing"
    error     = "A disk has {min} to {max} GiB, and never shrinks."
  }
}
`,
  workspace_preset: `data "bothy_workspace_preset" "small" {
  name    = "Small"
  default = true
  parameters = {
    region = "eu"
    disk   = "10"
  }
  prebuilds {
    instances = 2
    scheduling {
      timezone = "Europe/Berlin"
      schedule {
        cron      = "* 8-18 * * 1-5"
        instances = 5
      }
    }
  }
}
`,
  external_auth: `data "bothy_external_auth" "git" {
  id       = "git"
  optional = true
}

resource "bothy_agent" "main" {
  os   = "linux"
  arch = "amd64"
  env  = { GIT_TOKEN = data.bothy_external_auth.git.access_token }
}
`,
  secret: `data "bothy_secret" "registry" {
  env          = "REGISTRY_TOKEN"
  help_message = "Make a token at https://registry.example.com and add it to your secrets as REGISTRY_TOKEN."
}
`,
  task: `data "bothy_task" "me" {}

${AGENT}
resource "bothy_app" "chat" {
  agent_id = bothy_agent.main.id
  slug     = "chat"
  url      = "http://localhost:3284"
}

resource "bothy_ai_task" "work" {
  count  = data.bothy_task.me.enabled ? 1 : 0
  app_id = bothy_app.chat.id
}
`,
  workspace_tags: `data "bothy_parameter" "region" {
  name    = "region"
  default = "eu"
}

data "bothy_workspace_tags" "where" {
  tags = { region = data.bothy_parameter.region.value }
}
`,
  agent: `resource "bothy_agent" "main" {
  os             = "linux"
  arch           = "amd64"
  startup_script = "git clone https://git.example.com/team/project ~/project || true"

  metadata {
    key          = "load"
    display_name = "Load"
    script       = "cut -d' ' -f1 /proc/loadavg"
    interval     = 10
    timeout      = 1
  }

  display_apps {
    vscode_insiders = true
  }

  resources_monitoring {
    memory {
      enabled   = true
      threshold = 90
    }
  }
}
`,
  script: `${AGENT}
resource "bothy_script" "dotfiles" {
  agent_id           = bothy_agent.main.id
  display_name       = "Dotfiles"
  script             = file("\${path.module}/dotfiles.sh")
  run_on_start       = true
  start_blocks_login = true
  timeout            = 300
}

resource "bothy_script" "nightly" {
  agent_id     = bothy_agent.main.id
  display_name = "Nightly"
  script       = "git -C ~/project fetch"
  cron         = "0 0 3 * * *"
}
`,
  env: `${AGENT}
resource "bothy_env" "path" {
  agent_id       = bothy_agent.main.id
  name           = "PATH"
  value          = "/opt/tools/bin"
  merge_strategy = "prepend"
}
`,
  app: `${AGENT}
resource "bothy_app" "editor" {
  agent_id     = bothy_agent.main.id
  slug         = "editor"
  display_name = "Editor"
  url          = "http://localhost:13337/?folder=/home/dev"
  subdomain    = true
  healthcheck {
    url       = "http://localhost:13337/healthz"
    interval  = 5
    threshold = 6
  }
}
`,
  metadata: `resource "terraform_data" "volume" {
  input = "volume"
}

resource "bothy_metadata" "volume" {
  resource_id = terraform_data.volume.id
  daily_cost  = 2
  item {
    key   = "size"
    value = "10 GiB"
  }
}
`,
  agent_instance: `resource "bothy_agent" "main" {
  os   = "linux"
  arch = "amd64"
  auth = "aws-instance-identity"
}

resource "bothy_agent_instance" "main" {
  agent_id    = bothy_agent.main.id
  instance_id = "i-0123456789abcdef0"
}
`,
  ai_task: `${AGENT}
resource "bothy_app" "chat" {
  agent_id = bothy_agent.main.id
  slug     = "chat"
  url      = "http://localhost:3284"
}

resource "bothy_ai_task" "work" {
  app_id = bothy_app.chat.id
}
`,
  devcontainer: `${AGENT}
resource "bothy_devcontainer" "project" {
  agent_id         = bothy_agent.main.id
  workspace_folder = "/home/dev/project"
}

resource "bothy_app" "web" {
  agent_id = bothy_devcontainer.project.subagent_id
  slug     = "web"
  url      = "http://localhost:3000"
}
`,
  external_agent: `${AGENT}
resource "bothy_external_agent" "main" {
  agent_id = bothy_agent.main.id
}
`,
  process: `data "bothy_workspace" "me" {}

${AGENT}
resource "bothy_process" "main" {
  count    = data.bothy_workspace.me.start_count
  agent_id = bothy_agent.main.id
  env      = { EDITOR = "vi" }
}
`,
  container: `data "bothy_workspace" "me" {}

${AGENT}
resource "bothy_container" "main" {
  count     = data.bothy_workspace.me.start_count
  agent_id  = bothy_agent.main.id
  image     = "debian:12"
  memory_mb = 2048
  volume {
    name   = "home"
    target = "/root"
  }
}
`,
  pod: `data "bothy_workspace" "me" {}

${AGENT}
resource "bothy_pod" "main" {
  count          = data.bothy_workspace.me.start_count
  agent_id       = bothy_agent.main.id
  image          = "registry.example.com/dev:1"
  memory_request = "1Gi"
  memory_limit   = "2Gi"
  storage {
    size  = "10Gi"
    mount = "/home/dev"
  }
}
`,
}
