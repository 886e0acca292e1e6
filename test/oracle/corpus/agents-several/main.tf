terraform {
  required_providers {
    coder = {
      source = "coder/coder"
    }
  }
}

data "coder_workspace" "me" {}

resource "coder_agent" "dev" {
  for_each = { front = "amd64", back = "arm64" }
  os       = "linux"
  arch     = each.value
  order    = length(each.key)
}

resource "coder_agent" "counted" {
  count = 2 * data.coder_workspace.me.start_count
  os    = "linux"
  arch  = "amd64"
  env   = { INDEX = count.index }
}

resource "terraform_data" "machine" {
  for_each = data.coder_workspace.me.start_count == 1 ? coder_agent.dev : {}
  input    = { agent = each.value.id, token = each.value.token }
}
