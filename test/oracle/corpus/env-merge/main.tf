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
  env  = { PATH = "/usr/bin" }
}

resource "coder_env" "path_a" {
  agent_id       = coder_agent.main.id
  name           = "PATH"
  value          = "/opt/a/bin"
  merge_strategy = "append"
}

resource "coder_env" "path_b" {
  agent_id       = coder_agent.main.id
  name           = "PATH"
  value          = "/opt/b/bin"
  merge_strategy = "prepend"
}

resource "coder_env" "once" {
  agent_id       = coder_agent.main.id
  name           = "ONLY_ONCE"
  value          = "1"
  merge_strategy = "error"
}

resource "coder_env" "plain" {
  agent_id = coder_agent.main.id
  name     = "_plain9"
  value    = "x=y"
}

resource "coder_env" "no_value" {
  agent_id = coder_agent.main.id
  name     = "NO_VALUE"
}
