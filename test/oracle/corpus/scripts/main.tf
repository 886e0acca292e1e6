terraform {
  required_providers {
    coder = {
      source = "coder/coder"
    }
  }
}

resource "coder_agent" "main" {
  arch = "amd64"
  os   = "linux"
}

resource "coder_script" "start" {
  agent_id           = coder_agent.main.id
  display_name       = "Dotfiles"
  icon               = "/icon/dotfiles.svg"
  script             = "coder dotfiles -y https://example.com/dotfiles"
  run_on_start       = true
  start_blocks_login = true
  timeout            = 300
  log_path           = "dotfiles.log"
}

resource "coder_script" "stop" {
  agent_id     = coder_agent.main.id
  display_name = "Shutdown"
  script       = "docker system prune -a -f"
  run_on_stop  = true
}

resource "coder_script" "nightly" {
  agent_id     = coder_agent.main.id
  display_name = "Nightly"
  script       = "apt-get update"
  cron         = "0 0 22 * * *"
}

resource "coder_script" "weekdays" {
  agent_id     = coder_agent.main.id
  display_name = "Weekdays"
  script       = "true"
  cron         = "0 */15 9-17 1,15 JAN-JUN Mon-Fri"
  run_on_start = true
}
