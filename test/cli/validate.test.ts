import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryHome } from '../support/bothy.ts'
import { INVALID } from './invalid.ts'

/** Files judged by the program alone: no control plane runs in any of these. */

const workspace = (name: string, more = '', template = 'hello') =>
  `apiVersion: bothy.dev/v1alpha1\nkind: Workspace\nmetadata: {name: ${name}}\nspec:\n  template: {name: ${template}}\n${more}`

/** A home whose folder `team` has these files, beside the first example's in `declared`. */
function withFiles(files: Readonly<Record<string, string>>) {
  const home = temporaryHome()
  for (const [name, text] of Object.entries(files)) {
    const file = join(dirname(home.folder), 'team', name)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  }
  return home
}

test(`${INVALID.length} invalid objects are each told at the right field`, async () => {
  const documents = INVALID.map(({ yaml }, i) => yaml.replace('NAME', `invalid-${i}`))
  const starts = documents.map((_, i) => documents.slice(0, i).reduce((lines, text) => lines + text.split('\n').length, 0))
  const { code, stdout, stderr } = await temporaryHome().run(['validate', '-'], documents.join('---\n'))
  const told = stdout.split('\n')
  const missing = INVALID.filter(({ at }, i) => {
    const within = told.map((line) => line.replace(/^stdin:(\d+)/, (_, number: string) => String(Number(number) - (starts[i] ?? 0))))
    return !within.some((line) => at.test(line))
  })
  expect(missing).toEqual([])
  expect([code, stderr]).toEqual([1, `bothy: ${INVALID.length} of ${INVALID.length} documents wrong\n`])
})

test('what is fine is said in one line, and what is judged by another command is named', async () => {
  const home = withFiles({})
  writeFileSync(join(home.folder, 'hello', 'cloud-init.yaml'), 'users: [ada]\nkind: Workspace\n')
  expect(await home.run(['validate', 'declared', '--closed'])).toEqual({
    code: 0,
    stdout: '',
    stderr: '2 documents fine\nwhat is in declared/hello is judged by: bothy template validate declared/hello\n',
  })
  expect(await home.run(['validate', 'declared', '-q'])).toEqual({ code: 0, stdout: '', stderr: '' })
})

const MIXED = {
  'a.yaml': `${workspace('one')}---\n${workspace('two', '  power: Never\n  colour: red\n')}---\n${workspace('three', '  power: Never\n')}`,
  'b.yaml': 'apiVersion: [unclosed\n',
  'c/list.yml': `apiVersion: v1\nkind: List\nitems:\n- apiVersion: apps/v1\n  kind: Deployment\n- apiVersion: bothy.dev/v1alpha1\n  kind: Owner\n  metadata:\n    name: Ada\n`,
  'd.yaml':
    'services:\n  db: {image: postgres}\n---\nkind: Worksapce\napiVersion: bothy.dev/v1alpha1\n---\nkind: Workspace\nmetadata: {name: x}\n',
}

const MIXED_FINDINGS = [
  'team/a.yaml:13:3: workspace/two: spec.colour: there is no such field',
  'team/a.yaml:20:3: workspace/three: spec.power: "Never" is not offered; there is "Auto", "Running", "Stopped"',
  expect.stringMatching(/^team\/b\.yaml:\d+:\d+: /),
  expect.stringMatching(/^team\/c\/list\.yml:9:5: owner\/Ada: metadata\.name: "Ada" cannot be a name: /),
  'team/d.yaml:4:1: kind: there is no kind "Worksapce" in bothy.dev/v1alpha1; did you mean Workspace?',
  'team/d.yaml:7:1: apiVersion: is missing',
]

test('a folder is gone through to the last document; kinds of others are counted', async () => {
  const { code, stdout, stderr } = await withFiles(MIXED).run(['validate', 'team'])
  expect([code, stdout.trimEnd().split('\n')]).toEqual([1, MIXED_FINDINGS])
  expect(stderr).toBe('bothy: 6 of 7 documents wrong\nnot judged: 1 × Deployment (apps/v1), 1 × no Kubernetes object\n')
})

test('a program is told the same, with the words of an API server', async () => {
  const { code, stdout } = await withFiles(MIXED).run(['validate', 'team', '-o', 'json'])
  const answer = JSON.parse(stdout) as { findings: object[] }
  expect([code, answer]).toMatchObject([
    1,
    { valid: false, documents: 7, wrong: 6, hints: [], notJudged: { 'Deployment (apps/v1)': 1, 'no Kubernetes object': 1 } },
  ])
  expect(answer.findings.slice(0, 2)).toEqual([
    {
      file: 'team/a.yaml',
      line: 13,
      column: 3,
      object: { kind: 'Workspace', namespace: 'default', name: 'two' },
      field: 'spec.colour',
      reason: 'FieldValueInvalid',
      message: 'there is no such field',
      said: 'unknown field "spec.colour"',
    },
    expect.objectContaining({
      reason: 'FieldValueNotSupported',
      said: 'Unsupported value: "Never": supported values: "Auto", "Running", "Stopped"',
    }),
  ])
})

test('GitHub is told in its own form, and nothing that somebody wrote ends it', async () => {
  const home = withFiles({ 'a,b.yaml': workspace('dev', '  power: "100%\\n::error::no"\n') })
  const { code, stdout } = await home.run(['validate', '-o', 'github', 'team'])
  expect([code, stdout]).toEqual([
    1,
    '::error file=team/a%2Cb.yaml,line=6,col=3,title=workspace/dev::spec.power: "100%25\\n::error::no" is not offered; there is "Auto", "Running", "Stopped"\n',
  ])
})

test('a name that nothing declares is a hint where its kind is given, and wrong where that is all', async () => {
  const home = withFiles({
    'a.yaml': `${workspace('one', '', 'helo')}---\n${workspace('two', '', 'helo')}---\n${workspace('one')}`,
    't.yaml': `apiVersion: bothy.dev/v1alpha1\nkind: Template\nmetadata: {name: hello}\nspec:\n  source: {type: Folder, folder: {path: ./gone}}\n`,
  })
  const missing = 'spec.template.name: no document here declares template/helo; did you mean hello?'
  const twice = 'team/a.yaml:15:12: workspace/one: metadata.name: is declared twice; also at team/a.yaml:1:1'
  const open = await home.run(['validate', 'team'])
  expect([open.code, open.stdout.split('\n')]).toEqual([
    0,
    [
      `team/a.yaml:5:14: hint: workspace/one: ${missing} (and 1 more)`,
      twice.replace(': workspace', ': hint: workspace'),
      'team/t.yaml:5:35: hint: spec.source.folder.path: there is no folder team/gone',
      '',
    ],
  ])
  expect((await home.run(['validate', 'team/a.yaml', '-q'])).stdout.split('\n')).toEqual([
    twice.replace(': workspace', ': hint: workspace'),
    '',
  ])
  const closed = await home.run(['validate', 'team', '--closed'])
  expect([closed.code, closed.stderr, closed.stdout.split('\n').slice(0, 3)]).toEqual([
    1,
    'bothy: 4 documents fine alone, and not together\n',
    [`team/a.yaml:5:14: workspace/one: ${missing}`, `team/a.yaml:11:14: workspace/two: ${missing}`, twice],
  ])
  writeFileSync(join(dirname(home.folder), 'team', 'b.yaml'), workspace('three', '  power: Never\n'))
  expect((await home.run(['validate', 'team', '--closed'])).stderr).toBe('bothy: 1 of 5 documents wrong alone, and more together\n')
})

test('a time zone that does not exist is a hint, since an API server takes it', async () => {
  const home = withFiles({
    'a.yaml': workspace('one', '  schedule: {timezone: Europe/Berln}\n'),
    'b.yaml': workspace('two', '  schedule: {timezone: Europe/Berlin}\n'),
    'o.yaml': 'apiVersion: bothy.dev/v1alpha1\nkind: Owner\nmetadata: {name: ada}\nspec: {timezone: Mars}\n',
  })
  const { code, stdout } = await home.run(['validate', 'team'])
  expect([code, stdout]).toEqual([
    0,
    'team/a.yaml:6:14: hint: workspace/one: spec.schedule.timezone: there is no time zone "Europe/Berln": write one such as Europe/Berlin\n' +
      'team/o.yaml:4:8: hint: owner/ada: spec.timezone: there is no time zone "Mars": write one such as Europe/Berlin\n',
  ])
})

test('a folder is read with the links in it, as bothy up reads it', async () => {
  const home = withFiles({ 'a.yaml': workspace('one', '  power: Never\n') })
  const team = join(dirname(home.folder), 'team')
  symlinkSync(join(home.folder, 'workspace.yaml'), join(team, 'out.yaml'))
  mkdirSync(join(team, 'data'))
  writeFileSync(join(team, 'data', 'b.yaml'), workspace('two', '  power: 7\n'))
  symlinkSync('data', join(team, 'current'))
  const { code, stdout } = await home.run(['validate', 'team'])
  expect([code, stdout.trimEnd().split('\n')]).toEqual([
    1,
    [
      'team/a.yaml:6:3: workspace/one: spec.power: "Never" is not offered; there is "Auto", "Running", "Stopped"',
      'team/current/b.yaml:6:3: workspace/two: spec.power: must be text: put it in quotes',
      expect.stringMatching(/^team\/out\.yaml:1:1: leads out of the folder/),
    ],
  ])
})

test('nothing to judge is not fine', async () => {
  const home = withFiles({ 'empty.yaml': '# nothing\n', 'none/readme.md': '' })
  const ends = async (...args: string[]) => (await home.run(['validate', ...args])).code
  expect(await Promise.all([ends('team/empty.yaml'), ends('team/none'), ends('team/gone.yaml'), ends(), ends('.', '-o', 'xml')])).toEqual([
    1, 3, 3, 2, 2,
  ])
})
