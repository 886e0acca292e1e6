import type { Files } from './terraform.ts'

/** A template of the size that teams have: ten files of its own, and ten modules of four. Each round's is another version. */
export function fiftyFiles(round: number): Files {
  const files = [
    ['main.tf', `# round ${round}\n${REQUIRED}${AGENT}`],
    ['parameters.tf', numbers(PARAMETERS).map(parameter).join('\n')],
    ['modules.tf', numbers(MODULES).map(call).join('\n')],
    ['outputs.tf', numbers(MODULES).map(output).join('\n')],
    ['locals.tf', 'locals {\n  started = data.coder_workspace.me.start_count\n}\n'],
    ['data.tf', 'resource "terraform_data" "root" {\n  count = local.started\n  input = "root"\n}\n'],
    ['README.md', '# Fifty files\n'],
    ...['a', 'b', 'c'].map((name) => [`scripts/${name}.sh`, `#!/bin/sh\necho ${name}\n`] as const),
    ...numbers(MODULES).flatMap(filesOfModule),
  ] as const
  return new Map(files)
}

const MODULES = 10
const PARAMETERS = 12
const REQUIRED = `terraform {
  required_providers {
    coder = {
      source = "coder/coder"
    }
  }
}
`
const AGENT = `data "coder_workspace" "me" {}

resource "coder_agent" "main" {
  os   = "linux"
  arch = "amd64"
}
`

const numbers = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i)

const parameter = (i: number): string => `data "coder_parameter" "p${i}" {
  name    = "p${i}"
  type    = "string"
  default = "value ${i}"
  mutable = true
}
`

const call = (i: number): string => `module "m${i}" {
  source   = "./modules/m${i}"
  agent_id = coder_agent.main.id
  text     = data.coder_parameter.p${i}.value
}
`

const output = (i: number): string => `output "o${i}" {\n  value = module.m${i}.text\n}\n`

const filesOfModule = (i: number) =>
  [
    [`modules/m${i}/variables.tf`, 'variable "agent_id" {\n  type = string\n}\nvariable "text" {\n  type = string\n}\n'],
    [`modules/m${i}/main.tf`, `${REQUIRED}${script(i)}resource "terraform_data" "d" {\n  input = var.text\n}\n`],
    [`modules/m${i}/outputs.tf`, 'output "text" {\n  value = terraform_data.d.output\n}\n'],
    [`modules/m${i}/run.sh`, `#!/bin/sh\necho module ${i}\n`],
  ] as const

const script = (i: number): string => `resource "coder_script" "s" {
  agent_id     = var.agent_id
  display_name = "s${i}"
  script       = file("\${path.module}/run.sh")
  run_on_start = true
}
`
