import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { synthesisedOf, versionOf } from '../../controller/store/versions.ts'
import { outdated } from '../../provider/generate-constructs.ts'
import { root } from '../support/bothy.ts'
import { withDatabase } from '../support/postgres.ts'
import { createWorld, INPUT, workspace } from './world.ts'

const { db } = await withDatabase()

const folder = join(root, 'examples', '02-template-in-typescript', 'typed')
const EXAMPLE = Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')]))

test('the constructs are what the table of types gives', () => {
  expect(outdated()).toEqual([])
})

test('a template in TypeScript is synthesised once, and is then like any other', async () => {
  const world = await createWorld(db)
  await world.provisioner({ isolation: 'required' })
  const digest = await world.template(EXAMPLE)
  const job = await world.ended(await world.importOf(digest))
  expect([job.phase, job.error]).toEqual(['Succeeded', null])
  const version = await versionOf(db, INPUT.template.uid, digest)
  expect(version?.parameters.map(({ name, type, default: value, formType }) => [name, type, value, formType])).toEqual([
    ['editor', 'string', 'vi', 'radio'],
    ['tools', 'list(string)', '["git"]', 'multi-select'],
  ])
  expect(version?.facts).toMatchObject({
    agents: ['main'],
    conditional: false,
    ephemeral: ['bothy_process.dev'],
    providers: [{ source: 'bothy/bothy' }],
  })
  const first = await synthesisedOf(db, digest)
  expect(first?.files.map(({ path }) => path)).toEqual(['cdk.tf.json'])
  const again = await world.ended(await world.importOf(digest))
  expect([again.phase, await world.logOf(again)]).toEqual(['Succeeded', expect.not.stringContaining('Synthesising')])

  const dev = workspace()
  const start = await world.ended(
    await world.build(dev, digest, { input: { ...INPUT, parameters: { editor: 'nano', tools: '["git","curl"]' } } }),
  )
  expect([start.phase, start.error]).toEqual(['Succeeded', null])
  const gone = await world.ended(await world.build(dev, digest, { transition: 'destroy' }))
  expect([gone.phase, gone.error]).toEqual(['Succeeded', null])
})

const IMPORT = "import { Agent, Process, template } from 'bothy/constructs'\n"

const WRONG: readonly {
  readonly what: string
  readonly files: Readonly<Record<string, string>>
  readonly says: RegExp
  readonly reason?: string
}[] = [
  {
    what: 'a package of its own',
    files: { 'main.ts': "import x from 'left-pad'\n" },
    says: /^main\.ts:1:15: left-pad cannot be imported: a template may import cdktf, constructs, bothy\/constructs/,
  },
  {
    what: 'the file system',
    files: { 'main.ts': "import './a.ts'\n", 'a.ts': "\nimport fs from 'node:fs'\n" },
    says: /^a\.ts:2:16: node:fs cannot be imported/,
  },
  { what: 'a file outside', files: { 'main.ts': "import x from '../../home/x.ts'\n" }, says: /^main\.ts:1:15: .*outside of the template/ },
  {
    what: 'a file that is not there',
    files: { 'main.ts': "\nawait import('./b.ts')\n" },
    says: /^main\.ts:2:\d+: \.\/b\.ts cannot be imported: there is no such file/,
  },
  { what: 'broken syntax', files: { 'main.ts': 'const a = 1\nconst b = = 2\n' }, says: /^main\.ts:2:11: .*Expression expected/ },
  {
    what: 'syntax that is more than types',
    files: { 'main.ts': '\nenum Size { Small }\n' },
    says: /^main\.ts:2:1: .*enum is not supported/,
  },
  {
    what: 'an exception',
    files: {
      'main.ts': "import { make } from './a'\nmake()\n",
      'a.ts': "export const make = () => {\n  throw new Error('no such size')\n}\n",
    },
    says: /^a\.ts:2:9: no such size/,
  },
  {
    what: 'the same name twice',
    files: {
      'main.ts': `${IMPORT}template((stack) => {\n  new Agent(stack, 'a', { os: 'linux', arch: 'amd64' })\n  new Agent(stack, 'a', { os: 'linux', arch: 'amd64' })\n})\n`,
    },
    says: /^main\.ts:4:3: There is already a Construct with name 'a'/,
  },
  {
    what: 'a value that our provider refuses',
    files: {
      'main.ts': `${IMPORT}template((stack) => {\n  new Agent(stack, 'fine', { os: 'linux', arch: 'amd64' })\n  new Agent(stack, 'wrong', { os: 'linux', arch: 'pdp11' })\n})\n`,
    },
    says: /^main\.ts:4:3: .*pdp11/,
    reason: 'ImportFailed',
  },
  { what: 'nothing at all', files: { 'main.ts': 'export {}\n' }, says: /^main\.ts:1:1: it makes no stack/ },
  {
    what: 'a manifest that names nothing',
    files: { 'cdktf.json': '{"language":"typescript","app":"npx tsx other.ts"}' },
    says: /^cdktf\.json:1:1: .*other\.ts, is not in the template/,
  },
]

test('says what is wrong with a program, in its own file and line', async () => {
  const world = await createWorld(db)
  await world.provisioner({ isolation: 'required' })
  for (const { what, files, says, reason = 'TemplateInvalid' } of WRONG) {
    const job = await world.ended(await world.importOf(await world.template(files)))
    expect([what, job.phase, job.errorReason, job.error]).toEqual([what, 'Failed', reason, expect.stringMatching(says)])
  }
})

const HOSTILE: readonly { readonly what: string; readonly code: string; readonly says: RegExp }[] = [
  {
    what: 'reads what is the machine’s',
    code: "throw new Error(process.getBuiltinModule('node:fs').readFileSync('/etc/passwd', 'utf8'))",
    says: /restricted|ENOENT/,
  },
  {
    what: 'asks for the environment',
    code: 'throw new Error(JSON.stringify(Object.keys(process.env).toSorted()))',
    says: /\["CDKTF_OUTDIR","CHECKPOINT_DISABLE","HOME","LANG"(,"PWD")?\]/,
  },
  {
    what: 'starts a program',
    code: "process.getBuiltinModule('node:child_process').spawnSync('/bin/terraform')\nthrow new Error('it ran')",
    says: /restricted/,
  },
  { what: 'talks to somebody', code: "await fetch('http://127.0.0.1:1/')", says: /fetch failed/ },
  {
    what: 'takes all memory',
    code: 'const all: unknown[] = []\nfor (;;) all.push(Array.from({ length: 100_000 }, () => ({})))',
    says: /256 MiB/,
  },
  {
    what: 'pretends to be the runner, and stutters',
    code: `console.log('{"bothy":"\\\\x"}\\n{"bothy":7}\\n{"bothy":')\nprocess.exit(1)`,
    says: /^main\.ts:1:1: it ended without being synthesised/,
  },
  { what: 'ends early', code: 'process.exit(0)', says: /makes no stack/ },
]

const WRITES = {
  'main.ts': `
const { mkdirSync, writeFileSync } = process.getBuiltinModule('node:fs')
const out = process.env.CDKTF_OUTDIR + '/stacks/large'
mkdirSync(out, { recursive: true })
for (let i = 0; i < 12; i += 1) writeFileSync(out + '/' + i, Buffer.alloc(1024 * 1024))
`,
}

test('what a program writes is read no further than a template may be large', async () => {
  const world = await createWorld(db)
  await world.provisioner({ isolation: 'required' })
  const job = await world.ended(await world.importOf(await world.template(WRITES)))
  expect([job.errorReason, job.error]).toEqual(['TemplateInvalid', 'it was synthesised to more than 10 MiB'])
})

test('a program that fills its folder is ended', async () => {
  const world = await createWorld(db)
  await world.provisioner({ isolation: 'required', buildLimits: { folderBytes: 4 * 1024 * 1024 } })
  const job = await world.ended(await world.importOf(await world.template({ 'main.ts': `${WRITES['main.ts']}for (;;);\n` })))
  expect(job.errorReason).toBe('TemplateInvalid')
  expect(job.error).toContain('wrote more than 4 MiB into its folder')
})

test('a program reaches nothing but its own files', async () => {
  const world = await createWorld(db)
  await world.provisioner({ isolation: 'required', environment: { SECRET: 'x' } })
  for (const { what, code, says } of HOSTILE) {
    const job = await world.ended(await world.importOf(await world.template({ 'main.ts': `export {}\n${code}\n` })))
    expect([what, job.phase, job.errorReason, job.error]).toEqual([what, 'Failed', 'TemplateInvalid', expect.stringMatching(says)])
  }
})

test('a mistake that shows only in a build is told at the line of the program, also in its log', async () => {
  const world = await createWorld(db)
  await world.provisioner()
  const code = `${IMPORT}import { Parameter } from 'bothy/constructs'
template((stack) => {
  const size = new Parameter(stack, 'size', { name: 'size', type: 'number', default: '1', validation: { max: 4 } })
  new Agent(stack, 'main', { os: 'linux', arch: 'amd64', env: { SIZE: size.value } })
})
`
  const digest = await world.template({ 'main.ts': code })
  expect((await world.ended(await world.importOf(digest))).phase).toBe('Succeeded')
  const build = await world.ended(await world.build(workspace(), digest, { input: { ...INPUT, parameters: { size: '9' } } }))
  expect([build.phase, build.error]).toEqual(['Failed', expect.stringMatching(/^main\.ts:4:16: .*at most 4/)])
  expect(await world.logOf(build)).toMatch(/main\.ts:4:16: .*at most 4/)
})
