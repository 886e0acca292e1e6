/** Templates and workspaces as people write them. */

const BARE = `
terraform {
  required_providers {
    bothy = { source = "bothy/bothy" }
  }
}
data "bothy_workspace" "me" {}
data "bothy_parameter" "greeting" {
  name    = "greeting"
  type    = "string"
  default = "hello"
  mutable = true
}
resource "terraform_data" "here" {
  count = data.bothy_workspace.me.start_count
  input = data.bothy_parameter.greeting.value
}
output "greeting" { value = data.bothy_parameter.greeting.value }
`

const MACHINE = `
terraform {
  required_providers {
    bothy = { source = "bothy/bothy" }
  }
}
data "bothy_workspace" "me" {}
data "bothy_provisioner" "me" {}
resource "bothy_agent" "main" {
  os   = data.bothy_provisioner.me.os
  arch = data.bothy_provisioner.me.arch
}
resource "bothy_process" "dev" {
  count    = data.bothy_workspace.me.start_count
  agent_id = bothy_agent.main.id
}
`

const of = (kind: string, namespace: string, name: string, spec: object) => ({
  apiVersion: 'bothy.dev/v1alpha1',
  kind,
  metadata: { name, namespace },
  spec,
})

const inline = (main: string) => ({ source: { type: 'Inline', inline: { files: { 'main.tf': main } } } })

export const configMap = (namespace: string, name: string, main: string) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace },
  data: { 'main.tf': main },
})

export const objects = (namespace: string) => ({
  /** Builds nothing but state. */
  bare: of('Template', namespace, 'bare', inline(BARE)),
  /** A process with an agent. */
  machine: of('Template', namespace, 'machine', inline(MACHINE)),
  fromConfigMap: (name: string) => of('Template', namespace, name, { source: { type: 'ConfigMap', configMap: { name } } }),
  workspace: (name: string, template = 'bare', more: object = {}) =>
    of('Workspace', namespace, name, { owner: 'ada', template: { name: template }, ...more }),
})

export const BARE_TEXT = BARE
export const asList = (...items: readonly object[]): string => JSON.stringify({ apiVersion: 'v1', kind: 'List', items })
