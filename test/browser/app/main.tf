terraform {
  required_providers {
    coder = { source = "coder/coder" }
    bothy = { source = "bothy/bothy" }
  }
}

data "coder_workspace" "me" {}
data "coder_provisioner" "me" {}

resource "coder_agent" "main" {
  os   = data.coder_provisioner.me.os
  arch = data.coder_provisioner.me.arch

  startup_script = <<-EOT
    nohup @NODE@ @APP@ @PORT@ > "$HOME/app.log" 2>&1 &
  EOT

  metadata {
    key          = "load"
    display_name = "Load"
    script       = "cut -d' ' -f1 /proc/loadavg"
    interval     = 5
    timeout      = 2
  }
  metadata {
    key          = "branch"
    display_name = "Branch"
    script       = "echo main"
    interval     = 60
    timeout      = 2
  }
  metadata {
    key          = "disk"
    display_name = "Home"
    script       = "df -h / | awk 'NR==2{print $3\" of \"$2}'"
    interval     = 60
    timeout      = 2
  }
}

resource "coder_app" "web" {
  agent_id     = coder_agent.main.id
  slug         = "web"
  display_name = "Web"
  url          = "http://localhost:@PORT@"
  order        = 1
  healthcheck {
    url       = "http://localhost:@PORT@/healthz"
    interval  = 1
    threshold = 3
  }
}

resource "coder_app" "preview" {
  agent_id     = coder_agent.main.id
  slug         = "preview"
  display_name = "Preview"
  url          = "http://localhost:@PORT@"
  subdomain    = true
  share        = "public"
  order        = 2
}

resource "coder_app" "grafana" {
  agent_id     = coder_agent.main.id
  slug         = "metrics"
  display_name = "Metrics"
  url          = "http://localhost:9"
  order        = 3
  healthcheck {
    url       = "http://localhost:9"
    interval  = 1
    threshold = 1
  }
}

resource "coder_app" "logs" {
  agent_id     = coder_agent.main.id
  slug         = "logs"
  display_name = "Logs"
  command      = "echo following the log; cat"
  order        = 4
}

resource "coder_app" "handbook" {
  agent_id     = coder_agent.main.id
  slug         = "handbook"
  display_name = "Handbook"
  url          = "https://example.com/handbook"
  external     = true
  order        = 5
}

resource "bothy_process" "dev" {
  count    = data.coder_workspace.me.start_count
  agent_id = coder_agent.main.id
}
