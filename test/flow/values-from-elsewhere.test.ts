import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Db } from '../../controller/store/pool.ts'
import { temporaryHome, type Home } from '../support/bothy.ts'
import { withDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

/** Values that a template takes from a Secret, the environment and a file: used, renewed, and found nowhere but in the build. */

const { db, url } = await withDatabase()
const other = await withDatabase()

const FILES = `
terraform {
  required_providers {
    bothy = { source = "bothy/bothy" }
  }
}
variable "token" { type = string }
variable "region" { type = string }
variable "password" { type = string }
variable "licence" { type = string }
data "bothy_workspace" "me" {}
data "bothy_provisioner" "me" {}
resource "bothy_agent" "main" {
  os             = data.bothy_provisioner.me.os
  arch           = data.bothy_provisioner.me.arch
  env            = { TOKEN = var.token }
  startup_script = "echo \${var.password} > $HOME/told"
}
resource "bothy_process" "dev" {
  count    = data.bothy_workspace.me.start_count
  agent_id = bothy_agent.main.id
}
resource "terraform_data" "it" {
  count = data.bothy_workspace.me.start_count
  input = "\${var.token} \${var.password} \${var.licence}"
}
check "speaks" {
  assert {
    condition     = length(terraform_data.it) > 5
    error_message = "token is \${var.token}, digest \${sha256(var.token)}"
  }
}
output "said" { value = "token \${var.token}" }
output "digest" { value = sha256("\${var.token} \${var.region} \${var.password} \${var.licence}") }
`

const TEMPLATE = `apiVersion: bothy.dev/v1alpha1
kind: Template
metadata: {name: secretive}
spec:
  source: {type: Folder, folder: {path: ./secretive}}
  variables:
    - {name: token, valueFrom: {secretKeyRef: {name: cloud, key: token}}}
    - {name: region, valueFrom: {configMapKeyRef: {name: places, key: region}}}
    - {name: password, valueFrom: {env: BOTHY_VAR_PASSWORD}}
    - {name: licence, valueFrom: {file: vendor/licence}}
---
apiVersion: bothy.dev/v1alpha1
kind: Workspace
metadata: {name: careful}
spec: {template: {name: secretive}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: places, namespace: default}
data: {region: eu-7}
`

const secret = (token: string) =>
  `apiVersion: v1\nkind: Secret\nmetadata: {name: cloud, namespace: default}\nstringData: {token: ${token}}\n`

const [TOKEN, RENEWED, PASSWORD, LICENCE] = ['t0ken-4711-of-the-cloud', 't0ken-4712-renewed', 'pa55word-of-mine', 'licence-0815']

interface Seen {
  readonly status?: {
    readonly outputs?: Readonly<Record<string, string>>
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason: string; readonly message: string }[]
  }
}

/** Values are looked at anew every half a minute, and builds take their time after that. */
const LOOK_LIMIT_MS = 100_000

const looks = (home: Home, kind: string, name: string, isIt: (seen: Seen) => boolean) =>
  until(
    `${kind} ${name}`,
    async () => {
      const seen = await home.json<Seen>('get', kind, name)
      if (isIt(seen)) return seen
      throw new Error(JSON.stringify(seen.status))
    },
    { limitMs: LOOK_LIMIT_MS, everyMs: 200 },
  )

const ready = ({ status }: Seen) => status?.conditions?.find(({ type }) => type === 'Ready')
const sha = async (text: string) => Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(text))).toString('hex')

/** Every column of every table, as text. */
async function everythingKept({ query }: Pick<Db, 'query'>): Promise<string> {
  const tables = await query<{ name: string }>(
    `select quote_ident(table_name) as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'`,
  )
  const texts = await Promise.all(tables.map(({ name }) => query<{ row: string }>(`select t::text as row from ${name} t`)))
  return texts.flatMap((rows) => rows.map(({ row }) => row)).join('\n')
}

test('values from elsewhere are used, renewed, and kept nowhere in the clear', { timeout: 360_000 }, async () => {
  const home = temporaryHome({ DATABASE_URL: url, BOTHY_VAR_PASSWORD: PASSWORD, BOTHY_VAR_FOLDER: join('values') })
  mkdirSync(join(home.folder, 'secretive'))
  writeFileSync(join(home.folder, 'secretive', 'main.tf'), FILES)
  writeFileSync(join(home.folder, 'secretive.yaml'), TEMPLATE)
  mkdirSync(join(home.folder, '..', 'values', 'vendor'), { recursive: true })
  writeFileSync(join(home.folder, '..', 'values', 'vendor', 'licence'), `${LICENCE}\n`)
  const up = await home.up()

  const missing = await looks(home, 'template', 'secretive', (seen) => ready(seen)?.reason === 'VariableMissing')
  expect(ready(missing)?.message).toContain('there is no Secret cloud in namespace default')

  const applied = await home.run(['apply', '-f', '-'], secret(TOKEN))
  expect(applied).toMatchObject({ code: 0 })
  const first = await sha(`${TOKEN} eu-7 ${PASSWORD} ${LICENCE}`)
  const running = await looks(home, 'workspace', 'careful', ({ status }) => status?.outputs?.['digest'] === first)
  expect(running.status?.outputs?.['said']).not.toContain(TOKEN)

  expect((await home.run(['apply', '-f', '-'], secret(RENEWED))).code).toBe(0)
  const second = await sha(`${RENEWED} eu-7 ${PASSWORD} ${LICENCE}`)
  await home.run(['restart', 'careful'])
  await looks(home, 'workspace', 'careful', ({ status }) => status?.outputs?.['digest'] === second)

  const inside = await home.run(['exec', 'careful', '--', 'sh', '-c', 'echo $TOKEN; cat $HOME/told'])
  expect(inside.stdout).toBe(`${RENEWED}\n${PASSWORD}\n`)

  const { stdout: log } = await home.run(['logs', 'careful'])
  expect(log).toContain(await sha(RENEWED))
  const kept = await everythingKept(db)
  const shown = [log, up.output(), kept, JSON.stringify(running)]
  for (const value of [TOKEN, RENEWED, PASSWORD, LICENCE]) {
    for (const text of shown) {
      expect(text.includes(value)).toBe(false)
      // As Postgres shows bytes.
      expect(text.includes(Buffer.from(value).toString('hex'))).toBe(false)
      expect(text.includes(Buffer.from(value).toString('base64').replace(/=+$/, ''))).toBe(false)
    }
  }
  expect(await up.end()).toBe(0)
})

test('what a template asks never tells a secret', { timeout: 180_000 }, async () => {
  const home = temporaryHome({ DATABASE_URL: other.url })
  const value = 't0ken-4713-in-a-default'
  mkdirSync(join(home.folder, 'telling'))
  writeFileSync(
    join(home.folder, 'telling', 'main.tf'),
    `terraform {
  required_providers {
    bothy = { source = "bothy/bothy" }
  }
}
variable "token" { type = string }
data "bothy_parameter" "with" {
  name    = "with"
  type    = "string"
  default = "as \${var.token}"
}
`,
  )
  writeFileSync(
    join(home.folder, 'telling.yaml'),
    `apiVersion: bothy.dev/v1alpha1
kind: Template
metadata: {name: telling}
spec:
  source: {type: Folder, folder: {path: ./telling}}
  variables: [{name: token, valueFrom: {secretKeyRef: {name: cloud, key: token}}}]
`,
  )
  const up = await home.up()
  expect(await home.run(['apply', '-f', '-'], secret(value))).toMatchObject({ code: 0 })
  const seen = await looks(home, 'template', 'telling', (each) => ready(each)?.reason === 'TemplateInvalid')
  expect(ready(seen)?.message).toContain('The default or an option of parameter "with" holds the value of a secret variable')
  for (const text of [JSON.stringify(seen), up.output(), await everythingKept(other.db)]) expect(text.includes(value)).toBe(false)
  expect(await up.end()).toBe(0)
})
