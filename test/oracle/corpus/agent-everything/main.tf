terraform {
  required_providers {
    coder = {
      source = "coder/coder"
    }
  }
}

provider "coder" {}

data "coder_workspace" "me" {}
data "coder_workspace_owner" "me" {}

resource "coder_agent" "main" {
  arch                    = "amd64"
  os                      = "linux"
  auth                    = "token"
  api_key_scope           = "no_user_data"
  connection_timeout      = 0
  env = {
    GIT_AUTHOR_NAME  = coalesce(data.coder_workspace_owner.me.full_name, data.coder_workspace_owner.me.name)
    GIT_AUTHOR_EMAIL = data.coder_workspace_owner.me.email
    EMPTY            = ""
  }
  motd_file               = "/etc/motd"
  order                   = 3
  startup_script_behavior = "blocking"
  troubleshooting_url     = "https://coder.com/docs/troubleshoot"
  startup_script          = <<-EOT
    set -e
    # Prepare user home with default files on first start.
    if [ ! -f ~/.init_done ]; then
      cp -rT /etc/skel ~
      touch ~/.init_done
    fi
  EOT
  shutdown_script         = "echo bye"
}

resource "terraform_data" "machine" {
  count = data.coder_workspace.me.start_count
  input = [coder_agent.main.token, coder_agent.main.env, coder_agent.main.display_apps]
}
