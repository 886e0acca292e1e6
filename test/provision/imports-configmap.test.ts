import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryHome, type Home } from '../support/bothy.ts'
import { until } from '../support/until.ts'

interface Seen {
  readonly status?: {
    readonly activeVersion?: { readonly digest: string; readonly source: string }
    readonly parameters?: readonly { readonly name: string; readonly default: string }[]
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason: string; readonly message: string }[]
  }
}

const TEMPLATE = `apiVersion: bothy.dev/v1alpha1
kind: Template
metadata: {name: mapped}
spec:
  source: {type: ConfigMap, configMap: {name: files}}
`

const MAP = (size: string) => `apiVersion: v1
kind: ConfigMap
metadata: {name: files}
data:
  main.tf: |
    terraform {
      required_providers {
        coder = { source = "coder/coder" }
      }
    }
    data "coder_parameter" "size" {
      name    = "size"
      default = "${size}"
    }
  scripts__hello.sh: echo hello
binaryData:
  logo.png: AAEC
`

const see = (home: Home): Promise<Seen> => home.json<Seen>('get', 'template', 'mapped')
const ready = ({ status }: Seen) => status?.conditions?.find(({ type }) => type === 'Ready')

test('a template lives in a ConfigMap: missing, there, changed, gone and there again', async () => {
  const home = temporaryHome()
  rmSync(join(home.folder, 'workspace.yaml'))
  writeFileSync(join(home.folder, 'mapped.yaml'), TEMPLATE)
  await home.up()
  const missing = await until('the source to be missed', async () => {
    const condition = ready(await see(home))
    return condition?.reason === 'SourceMissing' ? condition : null
  })
  expect(missing.message).toBe('There is no ConfigMap files in namespace default.')

  const imported = (size: string) =>
    until(`size ${size} to be imported`, async () => {
      const seen = await see(home)
      return ready(seen)?.status === 'True' && seen.status?.parameters?.[0]?.default === size ? seen : null
    })
  expect(await home.run(['apply', '-f', '-'], MAP('small'))).toMatchObject({ stderr: '', stdout: 'configmap/files created\n' })
  const first = await imported('small')
  expect(first.status?.activeVersion?.source).toBe('configmap files')
  expect((await home.run(['apply', '-f', '-'], MAP('large'))).stdout).toBe('configmap/files configured\n')
  const second = await imported('large')
  expect(second.status?.activeVersion?.digest).not.toBe(first.status?.activeVersion?.digest)
  expect((await home.run(['apply', '-f', '-'], MAP('large'))).stdout).toBe('configmap/files unchanged\n')

  expect((await home.run(['delete', 'configmap', 'files'])).code).toBe(0)
  await until('the source to be missed again', async () => ready(await see(home))?.reason === 'SourceMissing')
  expect((await see(home)).status?.activeVersion?.digest).toBe(second.status?.activeVersion?.digest)
  writeFileSync(join(home.folder, 'files.yaml'), MAP('small'))
  expect((await imported('small')).status?.activeVersion?.digest).toBe(first.status?.activeVersion?.digest)

  const wrong = await home.run(['apply', '-f', '-'], MAP('x').replace('logo.png', 'a/b.png').replace('name: files', 'name: other'))
  expect([wrong.code, wrong.stderr]).toEqual([4, expect.stringContaining('"__" stands for "/"')])
  const twice = await home.run(['apply', '-f', '-'], MAP('x').replace('logo.png', 'main.tf').replace('name: files', 'name: other'))
  expect([twice.code, twice.stderr]).toEqual([4, expect.stringContaining('duplicate of key present in data')])
})
