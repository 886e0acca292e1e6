/** A workspace that is a process, and nothing but our own provider. */
export const PROCESS = {
  'main.tf': `
terraform {
  required_providers {
    bothy = { source = "bothy/bothy" }
  }
}

data "bothy_workspace" "me" {}

data "bothy_parameter" "greeting" {
  name        = "greeting"
  description = "What to say"
  default     = "hello"
  mutable     = true
}

resource "bothy_agent" "main" {
  os             = "linux"
  arch           = "amd64"
  startup_script = "echo \${data.bothy_parameter.greeting.value}"
  env            = { GREETING = data.bothy_parameter.greeting.value }
}

resource "bothy_process" "main" {
  count    = data.bothy_workspace.me.start_count
  agent_id = bothy_agent.main.id
}

output "greeting" {
  value = data.bothy_parameter.greeting.value
}
`,
}

/** Nothing at all that runs. */
export const DATA = { 'main.tf': 'resource "terraform_data" "x" {\n  input = 1\n}\n' }
