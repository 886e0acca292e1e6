import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import type { Cluster, Resource } from '../../controller/cluster/port.ts'
import { openStandalone, type Standalone } from '../../controller/cluster/standalone.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { randomSuffix } from '../../controller/kernel/names.ts'
import { createFolderSource, type FolderSource } from '../../controller/source/folder.ts'
import type { Db } from '../../controller/store/pool.ts'
import { filesOf } from '../../controller/store/versions.ts'
import { withDatabase } from '../support/postgres.ts'
import { root as checkout } from '../support/bothy.ts'
import { until } from '../support/until.ts'

/** A real folder, a real watcher, a real cluster in a real Postgres. Every test has a namespace of its own. */

let db: Db
let standalone: Standalone
let cluster: Cluster

beforeAll(async () => {
  ;({ db } = await withDatabase())
  standalone = await openStandalone({ db, clock: systemClock, log: silentLog })
  cluster = standalone.cluster
})
afterAll(() => standalone.close())

interface Folder {
  readonly path: string
  readonly namespace: string
  readonly said: string[]
  source: FolderSource
  write(file: string, text: string): void
  remove(file: string): void
  start(): Promise<void>
  object(kind: string, name: string): Promise<Resource | null>
  annotation(kind: string, name: string, annotation: string): Promise<string | undefined>
  says(pattern: RegExp): Promise<string>
}

function newFolder(): Folder {
  const base = mkdtempSync(join(tmpdir(), 'bothy-source-'))
  const path = join(base, 'declared')
  const namespace = `ns-${randomSuffix()}`
  const said: string[] = []
  const newSource = () =>
    createFolderSource({ root: path, cluster, db, clock: systemClock, log: silentLog, user: 'ada', say: (line) => said.push(line) })
  mkdirSync(path)
  const folder: Folder = {
    path,
    namespace,
    said,
    source: newSource(),
    write(file, text) {
      mkdirSync(dirname(join(path, file)), { recursive: true })
      writeFileSync(join(path, file), text.replaceAll('NAMESPACE', namespace))
    },
    remove: (file) => rmSync(join(path, file), { recursive: true }),
    start: () => folder.source.start(),
    object: (kind, name) => cluster.get(kind, namespace, name),
    annotation: async (kind, name, annotation) =>
      (await cluster.get(kind, namespace, name))?.metadata.annotations?.[`bothy.dev/${annotation}`],
    says: (pattern) => until(`a line like ${pattern}; said: ${said.join(' | ')}`, () => said.find((line) => pattern.test(line))),
  }
  onTestFinished(async () => {
    await folder.source.close()
    rmSync(base, { recursive: true, force: true })
  })
  return folder
}

const workspace = (name: string, greeting = 'hello', more = '') => `apiVersion: bothy.dev/v1alpha1
kind: Workspace
metadata: {name: ${name}, namespace: NAMESPACE}
spec:
  template: {name: hello}
  parameters: {greeting: ${greeting}}
${more}`

const template = (path: string, name = 'hello') => `apiVersion: bothy.dev/v1alpha1
kind: Template
metadata: {name: ${name}, namespace: NAMESPACE}
spec:
  source: {type: Folder, folder: {path: ${path}}}
`

const greetingOf = (object: Resource | null): unknown =>
  (object?.spec as { parameters?: Record<string, string> } | undefined)?.parameters?.['greeting']

test('a folder is declared whole, with who declared it, and a missing namespace is made', async () => {
  const folder = newFolder()
  folder.write('template.yaml', template('./hello'))
  folder.write('hello/main.tf', 'terraform {}\n')
  folder.write('all/workspaces.yml', `# two in one file\n${workspace('one')}---\n${workspace('two')}---\n`)
  await folder.start()

  const two = await folder.object('Workspace', 'two')
  expect(JSON.parse(two?.metadata.annotations?.['bothy.dev/declared-by'] ?? '')).toEqual({
    source: `folder:${folder.path}`,
    path: 'all/workspaces.yml',
    line: 9,
    revision: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
  })
  expect(await cluster.get('Namespace', '', folder.namespace)).not.toBe(null)
  const digest = await folder.annotation('Template', 'hello', 'source-digest')
  expect(await filesOf(db, digest ?? '')).toEqual([{ path: 'main.tf', encoding: 'utf8', content: 'terraform {}\n' }])
  expect(folder.source.summary()).toEqual({ root: folder.path, files: 2, objects: 3, problems: [], watching: 'native' })
})

test('a change is taken up, and nothing is written when nothing changed', async () => {
  const folder = newFolder()
  folder.write('dev.yaml', workspace('dev', 'first'))
  await folder.start()
  folder.write('dev.yaml', workspace('dev', 'second'))
  await until('the new greeting', async () => greetingOf(await folder.object('Workspace', 'dev')) === 'second')
  const version = (await folder.object('Workspace', 'dev'))?.metadata.resourceVersion
  folder.write('dev.yaml', `${workspace('dev', 'second')}# a comment changes nothing\n`)
  folder.write('other.yaml', workspace('other'))
  await until('the other workspace', () => folder.object('Workspace', 'other'))
  expect((await folder.object('Workspace', 'dev'))?.metadata.resourceVersion).toBe(version)
})

test('a half-written file keeps the last good objects, says where it is wrong, and is forgiven when mended', async () => {
  const folder = newFolder()
  folder.write('dev.yaml', `${workspace('dev', 'good')}---\n${workspace('two')}`)
  await folder.start()
  folder.write('dev.yaml', `${workspace('dev', 'better')}  oops: [unclosed\n`)
  await folder.says(/^dev\.yaml:\d+:\d+: InvalidYaml: /)
  await until('the error on the object', async () => (await folder.annotation('Workspace', 'two', 'source-error')) !== undefined)
  expect(await folder.annotation('Workspace', 'dev', 'source-error')).toMatch(/^dev\.yaml:\d+:\d+: InvalidYaml: /)
  expect(greetingOf(await folder.object('Workspace', 'dev'))).toBe('good')
  folder.write('dev.yaml', `${workspace('dev', 'better')}---\n${workspace('two')}`)
  await until('the error to go', async () => (await folder.annotation('Workspace', 'dev', 'source-error')) === undefined)
  expect(greetingOf(await folder.object('Workspace', 'dev'))).toBe('better')
  // Said after the whole look: one object was mended before the other.
  await folder.says(/^dev\.yaml: mended$/)
  expect(await folder.annotation('Workspace', 'two', 'source-error')).toBe(undefined)
})

test('a truncated file prunes nothing, also when the control plane was started again meanwhile', async () => {
  const folder = newFolder()
  folder.write('dev.yaml', workspace('dev'))
  folder.write('other.yaml', workspace('other'))
  await folder.start()
  await folder.source.close()
  folder.write('dev.yaml', '')
  folder.source = createFolderSource({
    root: folder.path,
    cluster,
    db,
    clock: systemClock,
    log: silentLog,
    say: (line) => folder.said.push(line),
  })
  await folder.start()
  expect(await folder.annotation('Workspace', 'dev', 'source-error')).toMatch(/^dev\.yaml:1:1: InvalidYaml: the file declares nothing/)
})

test('a wrong field is reported at its own line and column, and the last good spec stays', async () => {
  const folder = newFolder()
  folder.write('dev.yaml', workspace('dev'))
  folder.write('fresh.yaml', workspace('fresh', 'hello', '  power: Sometimes\n'))
  folder.write('typo.yaml', workspace('typo', 'hello', '  pwoer: Running\n'))
  await folder.start()
  expect(folder.said.filter((line) => /InvalidObject/.test(line)).toSorted()).toEqual([
    expect.stringMatching(/^fresh\.yaml:7:3: InvalidObject: spec\.power: /),
    expect.stringMatching(/^typo\.yaml:7:3: InvalidObject: .*pwoer/),
  ])
  expect(await folder.object('Workspace', 'fresh')).toBe(null)
  folder.write('dev.yaml', workspace('dev', 'new', '  power: 7\n'))
  await until('the error', async () =>
    (await folder.annotation('Workspace', 'dev', 'source-error'))?.startsWith('dev.yaml:7:3: InvalidObject: spec.power: '),
  )
  expect(greetingOf(await folder.object('Workspace', 'dev'))).toBe('hello')
})

test('a document removed, and a file removed, are pruned; saving by removing and writing again is not', async () => {
  const folder = newFolder()
  folder.write('keep.yaml', workspace('keep'))
  folder.write('two.yaml', `${workspace('one')}---\n${workspace('two')}`)
  await folder.start()
  const { uid } = (await folder.object('Workspace', 'keep'))!.metadata
  folder.write('two.yaml', workspace('one'))
  await until('two to be pruned', async () => (await folder.object('Workspace', 'two')) === null)
  folder.remove('keep.yaml')
  folder.write('keep.yaml', workspace('keep', 'again'))
  folder.remove('two.yaml')
  await until('one to be pruned', async () => (await folder.object('Workspace', 'one')) === null)
  await until('the new greeting', async () => greetingOf(await folder.object('Workspace', 'keep')) === 'again')
  expect((await folder.object('Workspace', 'keep'))?.metadata.uid).toBe(uid)
})

test('a file saved by writing another and renaming it over is one change', async () => {
  const folder = newFolder()
  folder.write('dev.yaml', workspace('dev', 'first'))
  await folder.start()
  const { uid } = (await folder.object('Workspace', 'dev'))!.metadata
  folder.write('.dev.yaml.swp', workspace('dev', 'renamed'))
  renameSync(join(folder.path, '.dev.yaml.swp'), join(folder.path, 'dev.yaml'))
  await until('the new greeting', async () => greetingOf(await folder.object('Workspace', 'dev')) === 'renamed')
  expect((await folder.object('Workspace', 'dev'))?.metadata.uid).toBe(uid)
})

test('a mounted ConfigMap, exchanged by its ..data link, is followed', async () => {
  const folder = newFolder()
  const publish = (revision: string, greeting: string) => {
    folder.write(`..${revision}/dev.yaml`, workspace('dev', greeting))
    symlinkSync(`..${revision}`, join(folder.path, '..data_tmp'))
    renameSync(join(folder.path, '..data_tmp'), join(folder.path, '..data'))
  }
  publish('2026_1', 'first')
  symlinkSync('..data/dev.yaml', join(folder.path, 'dev.yaml'))
  await folder.start()
  const { uid } = (await folder.object('Workspace', 'dev'))!.metadata
  publish('2026_2', 'second')
  folder.remove('..2026_1')
  await until('the new greeting', async () => greetingOf(await folder.object('Workspace', 'dev')) === 'second')
  expect((await folder.object('Workspace', 'dev'))?.metadata.uid).toBe(uid)
})

test('an empty folder and a vanished folder prune nothing, and say so', async () => {
  const folder = newFolder()
  folder.write('dev.yaml', workspace('dev'))
  await folder.start()
  folder.remove('dev.yaml')
  await folder.says(/has no YAML files: nothing is removed, 1 object /)
  folder.write('dev.yaml', workspace('dev', 'back'))
  await until('the folder to be read again', async () => greetingOf(await folder.object('Workspace', 'dev')) === 'back')
  rmSync(folder.path, { recursive: true })
  await folder.says(/cannot be read .*: nothing is removed, 1 object /)
  expect((await folder.object('Workspace', 'dev'))?.metadata.deletionTimestamp).toBe(undefined)
  folder.write('dev.yaml', workspace('dev', 'restored'))
  await until('the folder to be watched again', async () => greetingOf(await folder.object('Workspace', 'dev')) === 'restored')
})

test('of two files with one object the one that holds it keeps it, and the other is told', async () => {
  const folder = newFolder()
  folder.write('b.yaml', workspace('dev', 'from b'))
  await folder.start()
  folder.write('a.yaml', `# first by name, second by time\n${workspace('dev', 'from a')}`)
  await folder.says(/^a\.yaml:2:1: DeclaredElsewhere: .*b\.yaml:1/)
  expect(greetingOf(await folder.object('Workspace', 'dev'))).toBe('from b')
  // It is said in the terminal first.
  await until('the event', async () => {
    const events = await cluster.list('Event', { namespace: folder.namespace })
    return events.items.some((event) => (event as unknown as { reason: string }).reason === 'DeclaredElsewhere')
  })
  folder.remove('b.yaml')
  await until('the other to take over', async () => greetingOf(await folder.object('Workspace', 'dev')) === 'from a')
})

test('an object of another folder is left to it, and a folder no longer given leaves its objects', async () => {
  const first = newFolder()
  first.write('dev.yaml', workspace('dev', 'first'))
  await first.start()
  await first.source.close()
  const second = newFolder()
  second.write('dev.yaml', workspace('dev', 'second').replaceAll('NAMESPACE', first.namespace))
  await second.start()
  expect(second.said).toContainEqual(expect.stringMatching(/^dev\.yaml:1:1: DeclaredElsewhere: .*declared by dev\.yaml:1 of folder:/))
  expect(second.said).toContainEqual(expect.stringContaining(`declared by ${first.path}, which is not given now, are left as they are`))
  expect(greetingOf(await first.object('Workspace', 'dev'))).toBe('first')
})

const mark = (adopted: string | null) => ({ metadata: { annotations: { 'bothy.dev/declared-by': null, 'bothy.dev/adopted': adopted } } })

test('what was adopted stays as it is kept by hand, and the file that still declares it is told', async () => {
  const folder = newFolder()
  folder.write('dev.yaml', workspace('dev', 'first'))
  folder.write('other.yaml', workspace('other'))
  await folder.start()
  const ada = { manager: 'test', user: 'ada' }
  await cluster.patch('Workspace', folder.namespace, 'dev', mark('true'), ada)
  folder.write('dev.yaml', workspace('dev', 'second'))
  await folder.says(/^dev\.yaml:1:1: DeclaredElsewhere: Workspace "dev" was adopted .* `bothy adopt workspace\/dev --undo`$/)
  folder.remove('dev.yaml')
  folder.remove('other.yaml')
  folder.write('third.yaml', workspace('third'))
  await until('the other to be pruned', async () => (await folder.object('Workspace', 'other')) === null)
  expect(greetingOf(await folder.object('Workspace', 'dev'))).toBe('first')
  await cluster.patch('Workspace', folder.namespace, 'dev', mark(null), ada)
  folder.write('dev.yaml', workspace('dev', 'third'))
  await until('the file to have it back', async () => greetingOf(await folder.object('Workspace', 'dev')) === 'third')
})

test.each([
  ['a wrong name', (text: string) => text.replace('name: dev', 'name: dev_'), /^dev\.yaml:3:\d+: InvalidObject: metadata\.name/],
  ['a wrong kind', (text: string) => text.replace('kind: Workspace', 'kind: Workspaec'), /^dev\.yaml:2:\d+: NotDeclarable: Workspaec/],
  ['only comments', (text: string) => text.replace(/^/gm, '# '), /^dev\.yaml:1:1: InvalidYaml: the file declares nothing/],
])('%s in a file costs nobody the workspace it declared', async (_, mistake, said) => {
  const folder = newFolder()
  folder.write('dev.yaml', workspace('dev'))
  folder.write('other.yaml', workspace('other'))
  await folder.start()
  folder.write('dev.yaml', mistake(workspace('dev')))
  folder.remove('other.yaml')
  await folder.says(said)
  await until('what is really removed to be pruned', async () => (await folder.object('Workspace', 'other')) === null)
  expect(await folder.object('Workspace', 'dev')).not.toBe(null)
  expect(await folder.annotation('Workspace', 'dev', 'source-error')).toMatch(said)
  folder.write('dev.yaml', workspace('dev'))
  await folder.says(/^dev\.yaml: mended$/)
  await until('the mark to go', async () => (await folder.annotation('Workspace', 'dev', 'source-error')) === undefined)
})

test('a template that workspaces use is kept when its file goes, until they are gone too', async () => {
  const folder = newFolder()
  folder.write('hello/main.tf', 'locals {}\n')
  folder.write('template.yaml', template('./hello'))
  folder.write('dev.yaml', workspace('dev'))
  await folder.start()
  const digest = await folder.annotation('Template', 'hello', 'source-digest')
  folder.remove('template.yaml')
  await folder.says(/^template\.yaml:1:1: InUse: .*workspaces use it \(dev\)/)
  expect(await folder.annotation('Template', 'hello', 'source-digest')).toBe(digest)
  folder.write('template.yaml', template('./hello'))
  await folder.says(/^template\.yaml: mended$/)
  folder.remove('template.yaml')
  folder.write('other.yaml', workspace('other').replace('{name: hello}', '{name: another}'))
  folder.remove('dev.yaml')
  await until('the workspace and then its template to go', async () => (await folder.object('Template', 'hello')) === null)
  expect(await folder.object('Workspace', 'other')).not.toBe(null)
})

test('what somebody deletes and a file declares is there again at once', async () => {
  const folder = newFolder()
  folder.write('dev.yaml', workspace('dev'))
  await folder.start()
  const before = await folder.object('Workspace', 'dev')
  await cluster.delete('Workspace', folder.namespace, 'dev', { manager: 'test', user: 'ada' })
  const after = await until('another of that name', () => folder.object('Workspace', 'dev'))
  expect(after.metadata.uid).not.toBe(before?.metadata.uid)
})

test('requests cannot be declared, and a document without a name is told where', async () => {
  const folder = newFolder()
  folder.write(
    'request.yaml',
    'apiVersion: bothy.dev/v1alpha1\nkind: WorkspaceRequest\nmetadata: {name: go, namespace: NAMESPACE}\nspec: {workspace: dev, action: Start}\n',
  )
  folder.write('nameless.yaml', 'apiVersion: bothy.dev/v1alpha1\nkind: Workspace\nmetadata: {namespace: NAMESPACE}\nspec: {}\n')
  await folder.start()
  expect(folder.said.filter((line) => !line.includes('left as they are'))).toEqual([
    expect.stringMatching(/^nameless\.yaml:3:1: InvalidObject: metadata\.name is missing$/),
    expect.stringMatching(/^request\.yaml:2:1: NotDeclarable: a WorkspaceRequest /),
  ])
  expect(await folder.object('WorkspaceRequest', 'go')).toBe(null)
})

test('the files of a template are its own, and a change of them is declared again', async () => {
  const folder = newFolder()
  folder.write('template.yaml', template('./hello'))
  folder.write('hello/main.tf', 'terraform {}\n')
  folder.write('hello/values.yaml', 'not: [a, declaration')
  await folder.start()
  expect(folder.source.summary().problems).toEqual([])
  const before = await folder.annotation('Template', 'hello', 'source-digest')
  folder.write('hello/main.tf', 'terraform { }\n')
  await until('another digest', async () => (await folder.annotation('Template', 'hello', 'source-digest')) !== before)
  const after = await folder.annotation('Template', 'hello', 'source-digest')
  folder.remove('hello')
  await until('the error', async () => (await folder.annotation('Template', 'hello', 'source-error')) !== undefined)
  expect(await folder.annotation('Template', 'hello', 'source-error')).toBe(
    'template.yaml:5:35: FolderUnavailable: there is no folder "hello"',
  )
  expect(await folder.annotation('Template', 'hello', 'source-digest')).toBe(after)
})

test('a template folder and a link that lead out of the folder are refused', async () => {
  const folder = newFolder()
  const outside = join(dirname(folder.path), 'outside')
  mkdirSync(outside)
  writeFileSync(join(outside, 'secret.yaml'), workspace('stolen').replaceAll('NAMESPACE', folder.namespace))
  writeFileSync(join(outside, 'main.tf'), 'terraform {}\n')
  symlinkSync(outside, join(folder.path, 'link'))
  symlinkSync(join(outside, 'secret.yaml'), join(folder.path, 'link.yaml'))
  folder.write('one.yaml', template('../outside', 'one'))
  folder.write('two.yaml', template('./link', 'two'))
  folder.write('self.yaml', template('.', 'self'))
  await folder.start()
  expect(await folder.object('Workspace', 'stolen')).toBe(null)
  for (const name of ['one', 'two', 'self']) expect(await folder.annotation('Template', name, 'source-digest')).toBe(undefined)
  expect(folder.said).toContainEqual(expect.stringMatching(/^link\.yaml:1:1: NotDeclarable: leads out of the folder/))
  expect(folder.said).toContainEqual(expect.stringMatching(/^two\.yaml:5:35: FolderUnavailable: /))
})

test('the first example declares a template and a workspace', async () => {
  const folder = newFolder()
  cpSync(join(checkout, 'examples', '01-first-workspace'), folder.path, { recursive: true })
  await folder.start()
  expect(folder.source.summary()).toMatchObject({ files: 2, objects: 2, problems: [] })
})
