terraform {
  required_providers {
    coder = {
      source = "coder/coder"
    }
  }
}

# Values that are only known after something is made.
resource "terraform_data" "later" {
  input = { name = "later", port = 8080, on = true, folder = "/work" }
}

resource "coder_agent" "main" {
  arch               = "amd64"
  os                 = "linux"
  startup_script     = "echo ${terraform_data.later.id}"
  connection_timeout = terraform_data.later.output.port
  env                = { NAME = terraform_data.later.output.name }
  metadata {
    key      = terraform_data.later.output.name
    script   = terraform_data.later.id
    interval = 5
  }
}

resource "coder_app" "web" {
  agent_id     = coder_agent.main.id
  slug         = terraform_data.later.output.name
  display_name = terraform_data.later.output.name
  url          = "http://localhost:${terraform_data.later.output.port}"
  subdomain    = terraform_data.later.output.on
}

resource "coder_script" "s" {
  agent_id     = coder_agent.main.id
  display_name = terraform_data.later.output.name
  script       = terraform_data.later.id
  run_on_start = terraform_data.later.output.on
}

resource "coder_metadata" "m" {
  resource_id = terraform_data.later.id
  item {
    key   = "name"
    value = terraform_data.later.output.name
  }
}

resource "coder_devcontainer" "d" {
  agent_id         = coder_agent.main.id
  workspace_folder = terraform_data.later.output.folder
}
