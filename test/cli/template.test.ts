import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryHome } from '../support/bothy.ts'
import { temporaryFolder } from '../support/temporary.ts'

/** `bothy template` with real terraform: on a folder without a control plane, and on a template of one. */

const OURS = 'terraform {\n  required_providers {\n    coder = { source = "coder/coder" }\n  }\n}\n'

function folder(files: Readonly<Record<string, string>>): string {
  const path = temporaryFolder()
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true })
    writeFileSync(join(path, name), text)
  }
  return path
}

test('validate says every mistake with file, line and column, and needs no control plane', async () => {
  const home = temporaryHome()
  const cases: readonly [files: Readonly<Record<string, string>>, says: readonly RegExp[]][] = [
    [
      { 'main.tf': 'output "a" {\n  value = var.one\n}\noutput "b" {\n  value = var.two\n}\n' },
      [/^main\.tf:2:11: .*"one"/, /^main\.tf:5:11: .*"two"/],
    ],
    [{ 'main.tf': `${OURS}resource "coder_agent" "a" {\n  os   = "linux"\n  arch = "pdp11"\n}\n` }, [/^main\.tf:8:10: .*pdp11/]],
    [
      { 'main.tf': 'resource "coder_agent" "a" {\n  os   = "linux"\n  arch = "amd64"\n}\n' },
      [/^main\.tf:1:1: Nothing says where the provider coder comes from: add coder = \{ source = "coder\/coder" \} to required_providers/],
    ],
    [{ 'main.tf': 'resource "x" {\n' }, [/^main\.tf:1:1: Unclosed configuration block/, /^main\.tf:1:1: Missing name for resource/]],
    [{ 'main.tf': 'terraform {\n  cloud {}\n}\n' }, [/^main\.tf:2:3: a cloud block/]],
    [{ 'main.tf': 'module "x" {\n  source = "../x"\n}\n' }, [/^main\.tf:2:\d*:? ?.*outside/]],
    [{ 'main.tf': OURS, 'more.tf': OURS.replaceAll('coder', 'null') }, [/^more\.tf:2:1: Duplicate required providers/]],
    [{ 'main.ts': 'const a = 1\nnothing()\n' }, [/^main\.ts:2:1: ReferenceError: nothing is not defined/]],
  ]
  for (const [files, says] of cases) {
    const path = folder(files)
    const { code, stdout, stderr } = await home.run(['template', 'validate', path])
    expect([code, stderr]).toEqual([1, ''])
    const lines = stdout.trimEnd().split('\n')
    expect(lines.every((line) => line.startsWith(`${path}/`))).toBe(true)
    expect(lines.map((line) => line.replace(`${path}/`, ''))).toEqual(says.map((each) => expect.stringMatching(each)))
  }
  const fine = await home.run([
    'template',
    'validate',
    folder({ 'main.tf': 'variable "zone" {}\noutput "z" { value = var.zone }\n' }),
    '--var',
    'zone=eu',
  ])
  expect([fine.code, fine.stderr]).toEqual([0, ''])
  const missing = await home.run(['template', 'validate', join(home.folder, 'nowhere')])
  expect([missing.code, missing.stderr]).toEqual([3, expect.stringContaining('there is no folder')])
  expect((await home.run(['template', 'frobnicate', 'x'])).code).toBe(2)
  expect((await home.run(['template', 'preview', folder({ 'main.tf': OURS }), '--param', 'size'])).code).toBe(2)
})

test('preview of a folder is what a form would show, and ends with 1 where an answer is wrong', async () => {
  const home = temporaryHome()
  const asks = folder({
    'main.tf': `${OURS}data "coder_parameter" "kind" {\n  name    = "kind"\n  default = "small"\n}\ndata "coder_parameter" "disk" {\n  count   = data.coder_parameter.kind.value == "large" ? 1 : 0\n  name    = "disk"\n  type    = "number"\n  default = 10\n  validation {\n    min = 1\n    max = 20\n  }\n}\n`,
  })
  const small = await home.json<{ parameters: { name: string }[] }>('template', 'preview', asks)
  expect(small.parameters.map(({ name }) => name)).toEqual(['kind'])
  const large = await home.run(['template', 'preview', asks, '--param', 'kind=large', '--param', 'disk=30'])
  expect([large.code, large.stderr]).toEqual([1, ''])
  expect(large.stdout).toMatch(/^disk +30 +number +parameter "disk" must be at most 20/m)
  const stray = await home.run(['template', 'preview', asks, '--param', 'disk=3'])
  expect([stray.code, stray.stdout]).toEqual([1, expect.stringContaining('parameter "disk" is not asked with these answers')])
  const broken = await home.run(['template', 'preview', folder({ 'main.tf': `${OURS}data "coder_parameter" "a" {\n  name = var.b\n}\n` })])
  expect([broken.code, broken.stderr]).toEqual([1, expect.stringContaining('main.tf:7:10')])
})

test('preview and versions of a template of a control plane', async () => {
  const home = temporaryHome()
  await home.up()
  expect((await home.run(['wait', 'template/hello', '--for', 'condition=Ready'])).code).toBe(0)
  const { code, stdout, stderr } = await home.run(['template', 'preview', 'hello', '--param', 'greeting=Moin'])
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout).toMatch(/^greeting +Moin +string$/m)
  const unknown = await home.run(['template', 'preview', 'hello', '--param', 'volume=11', '--preset', 'loud'])
  expect([unknown.code, unknown.stdout]).toEqual([1, expect.stringMatching(/there is no preset "loud"[\s\S]*"volume" is not asked/)])
  expect((await home.run(['template', 'preview', 'nobody'])).code).toBe(3)
  const wrong = await home.run(['template', 'preview', 'hello', '--digest', `sha256:${'0'.repeat(64)}`])
  expect([wrong.code, wrong.stderr]).toEqual([3, expect.stringContaining('is not imported')])
  const versions = await home.run(['template', 'versions', 'hello'])
  expect(versions.stdout).toMatch(/^[0-9a-f]{12} +active +\S+ +folder \.\/hello/m)
  const { items } = await home.json<{ items: { facts: { ephemeral: string[] } }[] }>('template', 'versions', 'hello')
  expect(items[0]?.facts.ephemeral).toEqual(['bothy_process.dev'])
})
