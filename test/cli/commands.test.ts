import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import type { Cluster, Resource } from '../../controller/cluster/port.ts'
import { randomSuffix } from '../../controller/kernel/names.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { until } from '../support/until.ts'
import { withControlPlane, type ControlPlane } from './control-plane.ts'
import { INVALID } from './invalid.ts'

/** The command line as a process, against the API of a real cluster. The test plays the reconciler. */

let plane: ControlPlane
let cluster: Cluster

beforeAll(async () => {
  plane = await withControlPlane()
  cluster = plane.cluster
})

const CONTROLLER = { manager: 'bothy-controller', user: 'bothy' }
const workspace = (name: string, more = '') =>
  `apiVersion: bothy.dev/v1alpha1\nkind: Workspace\nmetadata: {name: ${name}}\nspec:\n  template: {name: hello}\n${more}`

async function newNamespace(): Promise<string> {
  const name = `ns-${randomSuffix()}`
  await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }, CONTROLLER)
  return name
}

async function given(namespace: string, name: string, status?: object): Promise<Resource> {
  const object = await cluster.create(
    { apiVersion: 'bothy.dev/v1alpha1', kind: 'Workspace', metadata: { name, namespace }, spec: { template: { name: 'hello' } } },
    { manager: 'test', user: 'ada' },
  )
  return status ? cluster.patchStatus('Workspace', namespace, name, { status }, CONTROLLER) : object
}

const condition = (type: string, status: string, reason: string, message: string) => ({
  type,
  status,
  reason,
  message,
  lastTransitionTime: '2026-11-21T08:00:00Z',
})

test('apply creates, configures, leaves alone, and tries on request only', async () => {
  const ns = await newNamespace()
  const apply = (text: string, ...more: string[]) => plane.bothy(['apply', '-f', '-', '-n', ns, ...more], text)
  expect(await apply(workspace('dev'), '--dry-run')).toEqual({ code: 0, stdout: `workspace/dev in ${ns} created (dry run)\n`, stderr: '' })
  expect(await cluster.get('Workspace', ns, 'dev')).toBe(null)
  expect(await apply(workspace('dev'))).toEqual({ code: 0, stdout: `workspace/dev in ${ns} created\n`, stderr: '' })
  expect((await apply(workspace('dev'))).stdout).toBe(`workspace/dev in ${ns} unchanged\n`)
  expect((await apply(workspace('dev', '  power: Running\n'))).stdout).toBe(`workspace/dev in ${ns} configured\n`)
  expect((await cluster.get('Workspace', ns, 'dev'))?.spec).toMatchObject({ power: 'Running' })
  expect((await apply(workspace('dev'))).stdout).toBe(`workspace/dev in ${ns} configured\n`)
  expect((await cluster.get('Workspace', ns, 'dev'))?.spec).toMatchObject({ power: 'Auto' })
})

test('apply of a folder goes through all of it; what is wrong is told with file, line and column', async () => {
  const ns = await newNamespace()
  const folder = temporaryFolder()
  mkdirSync(join(folder, 'more'))
  writeFileSync(join(folder, 'a.yaml'), `${workspace('one')}---\n${workspace('two', '  power: Never\n')}`)
  writeFileSync(join(folder, 'b.yaml'), 'apiVersion: [unclosed\n')
  writeFileSync(join(folder, 'more', 'c.yml'), workspace('three'))
  const { code, stdout, stderr } = await plane.bothy(['apply', '-f', folder, '-n', ns])
  expect(code).toBe(4)
  expect(stdout).toBe(`workspace/one in ${ns} created\nworkspace/three in ${ns} created\n`)
  expect(stderr.split('\n')).toEqual([
    expect.stringMatching(new RegExp(`^${folder}/b\\.yaml:\\d+:\\d+: `)),
    expect.stringMatching(new RegExp(`^${folder}/a\\.yaml:12:3: workspace/two in ${ns}: spec\\.power: `)),
    'bothy: 2 of 4 documents refused',
    '',
  ])
})

const isOfKnownKind = (line: string): boolean => line.startsWith('stdin:') && !/there is no kind|of apiVersion|: hint: /.test(line)

test(`${INVALID.length} invalid objects are each refused at the right field, and nothing is stored`, async () => {
  const ns = await newNamespace()
  const documents = INVALID.map(({ yaml }, i) => yaml.replace('NAME', `invalid-${i}`))
  const starts = documents.map((_, i) => 1 + documents.slice(0, i).reduce((lines, text) => lines + text.split('\n').length, 0))
  const { code, stdout, stderr } = await plane.bothy(['apply', '-f', '-', '-n', ns], documents.join('---\n'))
  const told = stderr.split('\n')
  const findings = INVALID.map(({ at }, i) => {
    const end = starts[i + 1] ?? Number.POSITIVE_INFINITY
    const mine = told.flatMap((line) => {
      const [, number = '', rest = ''] = /^stdin:(\d+):(.*)$/.exec(line) ?? []
      const within = Number(number) - (starts[i] ?? 0) + 1
      return number !== '' && Number(number) >= (starts[i] ?? 0) && Number(number) < end ? [`${within}:${rest}`] : []
    })
    return mine.some((line) => at.test(line)) ? 'refused at its field' : { expected: String(at), told: mine }
  })
  expect(findings).toEqual(INVALID.map(() => 'refused at its field'))
  // What is found without a control plane is told in the very same lines, but for kinds that there are not.
  const offline = (await plane.bothy(['validate', '-n', ns, '-'], documents.join('---\n'))).stdout.split('\n')
  expect(offline.filter(isOfKnownKind)).toEqual(told.filter(isOfKnownKind))
  expect({ code, stdout }).toEqual({ code: 4, stdout: '' })
  expect((await cluster.list('Workspace', { namespace: ns })).items).toEqual([])
  expect((await cluster.list('Template', { namespace: ns })).items).toEqual([])
})

test('get prints the printer columns, all of them where no terminal is, and every other form', async () => {
  const ns = await newNamespace()
  await given(ns, 'dev', {
    state: 'Running',
    owner: 'ada',
    schedule: { stops: '2026-11-21T18:30:00Z, because of a deadline that is told at length' },
    conditions: [condition('Ready', 'True', 'Running', 'It runs.')],
  })
  await given(ns, 'a-workspace-with-a-long-name')
  const table = await plane.bothy(['get', 'workspaces', '-n', ns])
  const [heading = '', ...rows] = table.stdout.trimEnd().split('\n')
  expect(heading.split(/ {2,}/)).toEqual(['NAME', 'STATE', 'READY', 'TEMPLATE', 'OWNER', 'STOPS', 'AGE'])
  expect(rows.map((row) => row.split(/ +/)[0])).toEqual(['a-workspace-with-a-long-name', 'dev'])
  expect(rows[1]).toMatch(/Running +True +hello +ada +2026-11-21T18:30:00Z, because of a deadline that is told at length /)
  expect((await plane.bothy(['get', 'ws', '-n', ns, '-o', 'name'])).stdout).toBe('workspace/a-workspace-with-a-long-name\nworkspace/dev\n')
  const one = await plane.bothy(['get', 'workspace/dev', '-n', ns, '-o', 'json'])
  expect(JSON.parse(one.stdout)).toMatchObject({ kind: 'Workspace', metadata: { name: 'dev' }, status: { state: 'Running' } })
  expect((await plane.bothy(['get', 'ws', 'dev', '-n', ns, '-o', 'yaml'])).stdout).toMatch(
    /^apiVersion: bothy\.dev\/v1alpha1\nkind: Workspace\n/,
  )
  expect((await plane.bothy(['get', 'workspaces', '-A', '-o', 'wide'])).stdout).toMatch(/^NAMESPACE +NAME .*REASON/)
  expect(await plane.bothy(['get', 'templates', '-n', ns])).toEqual({ code: 0, stdout: '', stderr: `No templates in namespace ${ns}.\n` })
})

test('get shows several kinds at once, as tables, names or one list', async () => {
  const ns = await newNamespace()
  await given(ns, 'dev')
  const template = { apiVersion: 'bothy.dev/v1alpha1', kind: 'Template', metadata: { name: 'hello', namespace: ns } }
  const spec = { source: { type: 'Inline', inline: { files: { 'main.tf': '' } } } }
  await cluster.create({ ...template, spec }, { manager: 'test', user: 'ada' })
  const asked = (...more: string[]) => plane.bothy(['get', 'wsr,tpl,ws,tpl', '-n', ns, ...more])
  const tables = await asked()
  expect(tables.stdout).toMatch(/^NAME +READY .*\nhello .*\n\nNAME +STATE .*\ndev .*\n$/)
  expect(tables.stderr).toBe(`No workspacerequests in namespace ${ns}.\n`)
  expect((await asked('-o', 'name')).stdout).toBe('template/hello\nworkspace/dev\n')
  expect(JSON.parse((await asked('-o', 'json')).stdout)).toMatchObject({
    kind: 'List',
    items: [{ kind: 'Template' }, { kind: 'Workspace' }],
  })
  expect((await asked('dev')).code).toBe(2)
  expect((await asked('-w')).code).toBe(2)
})

test('a pipe gets all of a long answer', async () => {
  const ns = await newNamespace()
  await given(ns, 'dev', { outputs: { long: 'x'.repeat(1_000_000) } })
  const { stdout } = await plane.bothy(['get', 'ws', 'dev', '-n', ns, '-o', 'json'])
  expect(JSON.parse(stdout)).toMatchObject({ status: { outputs: { long: expect.stringMatching(/^x{1000000}$/) } } })
})

test('what is not there exits 3, also as JSON; a wrong token exits 4', async () => {
  const missing = await plane.bothy(['get', 'workspace', 'nobody'])
  expect(missing).toEqual({
    code: 3,
    stdout: '',
    stderr: 'bothy: there is no workspace/nobody\n  where:  namespace default\n  to do:  bothy get workspaces -A lists what there is\n',
  })
  const asJson = await plane.bothy(['get', 'workspace', 'nobody', '-o', 'json'])
  expect(JSON.parse(asJson.stderr)).toMatchObject({ error: { code: 3, reason: 'NotFound' } })
  for (const args of [
    ['start', 'nobody'],
    ['delete', 'workspace/nobody'],
    ['logs', 'nobody'],
    ['create', 'x', '-t', 'nothing'],
    ['why', 'workspace/nobody'],
    ['events', 'ws/nobody'],
  ]) {
    expect(`${args.join(' ')}: ${(await plane.bothy(args)).code}`).toBe(`${args.join(' ')}: 3`)
  }
  const stranger = await plane.bothy(['get', 'workspaces', '--token', 'wrong'])
  expect(stranger.code).toBe(4)
  expect(stranger.stderr).toMatch(/to do: {2}give the token of this control plane/)
})

test('wait sees a condition come, a deletion finish, and time pass', async () => {
  const ns = await newNamespace()
  const early = plane.begin(['wait', 'workspace/dev', '-n', ns, '--for', 'condition=Running'])
  await until('the wait to say where it stands', () => early.output().includes('it does not exist yet'))
  await given(ns, 'dev')
  await cluster.patchStatus(
    'Workspace',
    ns,
    'dev',
    { status: { observedGeneration: 1, conditions: [condition('Running', 'True', 'Running', 'It runs.')] } },
    CONTROLLER,
  )
  await until('the wait to end', () => early.output().includes('condition Running is True'))

  const late = await plane.bothy(['wait', 'workspace/dev', '-n', ns, '--for', 'condition=Ready', '--timeout', '200ms'])
  expect(late.code).toBe(1)
  expect(late.stderr).toMatch(
    /bothy: workspace\/dev in ns-\w+ did not become so in time: condition Ready is True\n {2}where: {2}last seen: .*\n {2}to do: {2}bothy why workspace\/dev -n ns-/,
  )

  const gone = plane.begin(['wait', 'workspace/dev', '-n', ns, '--for', 'delete'])
  await until('the wait to say where it stands', () => gone.output().includes('still there'))
  await cluster.delete('Workspace', ns, 'dev', CONTROLLER)
  await until('the wait to end', () => gone.output().includes(': deleted'))

  const detached = plane.begin(['wait', 'workspace/dev', '-n', ns])
  await until('the wait to say where it stands', () => detached.output().includes('it does not exist yet'))
  expect(await detached.end('SIGINT')).toBe(1)
  expect(detached.output()).toMatch(/detached; the work goes on\n {2}to do: {2}come back with bothy get workspace dev -n ns-\w+ -w/)
})

test('a selector that cannot be read is wrong use', async () => {
  expect(await plane.bothy(['get', 'ws', '-l', '='])).toMatchObject({ code: 2, stderr: expect.stringContaining("found '='") })
})

test('get -w prints a row for each change', async () => {
  const ns = await newNamespace()
  await given(ns, 'dev')
  const watching = plane.begin(['get', 'workspaces', '-n', ns, '-w'])
  await until('the first row', () => /^NAME .*\ndev /.test(watching.output()))
  await cluster.patchStatus('Workspace', ns, 'dev', { status: { state: 'Starting' } }, CONTROLLER)
  await until('the second row', () => /\ndev +Starting/.test(watching.output()))
  await given(ns, 'other')
  await until('the third row', () => /\nother /.test(watching.output()))
  expect(watching.output().match(/NAME/g)).toHaveLength(1)
  expect(await watching.end('SIGINT')).toBe(0)
})

async function answer(ns: string, status: 'True' | 'False', reason: string, message: string): Promise<Resource> {
  const request = await until('a request', async () => {
    const { items } = await cluster.list('WorkspaceRequest', { namespace: ns })
    return items.find(({ status: given }) => given === undefined || !('conditions' in (given as object)))
  })
  const { name } = request.metadata
  return cluster.patchStatus(
    'WorkspaceRequest',
    ns,
    name,
    { status: { conditions: [condition('Succeeded', status, reason, message)] } },
    CONTROLLER,
  )
}

test('start, stop and restart ask once and follow to the answer', async () => {
  const ns = await newNamespace()
  const running = { observedGeneration: 1, conditions: [condition('Running', 'True', 'Running', 'It is running.')] }
  await given(ns, 'dev', running)
  for (const [command, action, sentence] of [
    ['start', 'Start', 'is running'],
    ['stop', 'Stop', 'is stopped'],
    ['restart', 'Restart', 'is running again'],
  ] as const) {
    const asked = plane.bothy([command, 'dev', '-n', ns])
    const request = await answer(ns, 'True', 'Handled', 'Done.')
    expect(request.spec).toMatchObject({ workspace: 'dev', action })
    expect(await asked).toMatchObject({ code: 0, stdout: `workspace/dev in ${ns} ${sentence}\n` })
  }
  const agents = [{ name: 'main', status: 'Connected', lifecycle: 'StartError' }]
  await cluster.patchStatus('Workspace', ns, 'dev', { status: { agents } }, CONTROLLER)
  const limping = plane.bothy(['start', 'dev', '-n', ns])
  await answer(ns, 'True', 'Handled', 'Done.')
  const logs = `bothy logs dev -n ${ns}`
  expect(await limping).toMatchObject({
    code: 0,
    stdout: `workspace/dev in ${ns} is running, but a start script failed; see: ${logs}\n`,
  })
  const refused = plane.bothy(['start', 'dev', '-n', ns])
  await answer(ns, 'False', 'PowerStopped', 'The spec says power: Stopped.')
  expect(await refused).toMatchObject({ code: 4, stderr: expect.stringContaining('bothy: The spec says power: Stopped.\n') })
  const failed = plane.bothy(['start', 'dev', '-n', ns, '-o', 'json'])
  await answer(ns, 'False', 'StartFailed', 'The build failed three times.')
  expect(await failed).toMatchObject({ code: 1 })
  const unanswered = await plane.bothy(['cancel', 'dev', '-n', ns, '--timeout', '100ms'])
  expect(unanswered).toMatchObject({ code: 1, stderr: expect.stringContaining('was not answered in time') })
  const asked = await plane.bothy(['stop', 'dev', '-n', ns, '--no-wait'])
  expect(asked).toMatchObject({ code: 0, stdout: 'asked: stopping dev\n' })
})

test('extend and hold say how long, and print the answer', async () => {
  const ns = await newNamespace()
  await given(ns, 'dev')
  for (const [args, spec] of [
    [['extend', 'dev', '--for', '2d'], { action: 'Extend', for: '172800s' }],
    [['extend', 'dev', '--until', '2026-11-21T20:00:00+02:00'], { action: 'Extend', until: '2026-11-21T18:00:00Z' }],
    [['hold', 'dev', '--for', '90m', '--reason', 'a long build'], { action: 'Hold', for: '5400s', reason: 'a long build' }],
    [['hold', 'dev', '--for', '0s'], { action: 'Hold', for: '0s' }],
  ] as const) {
    const asked = plane.bothy([...args, '-n', ns])
    const request = await answer(ns, 'True', 'Handled', 'It stops at 18:00.')
    expect(request.spec).toEqual({ workspace: 'dev', ...spec })
    expect(await asked).toEqual({ code: 0, stdout: `workspace/dev in ${ns}: It stops at 18:00.\n`, stderr: expect.any(String) })
  }
  const refused = plane.bothy(['extend', 'dev', '--for', '1m', '-n', ns])
  await answer(ns, 'False', 'Whatever', 'A deadline is at least 30 minutes ahead.')
  expect(await refused).toMatchObject({ code: 4, stderr: expect.stringContaining('bothy: A deadline is at least 30 minutes ahead.\n') })
})

test('simulate prints what the clock would do, for people and for programs', async () => {
  const ns = await newNamespace()
  const simulate = async (name: string, zone: string, ...args: string[]) => {
    const { code, stdout, stderr } = await plane.bothy(['simulate', name, '-n', ns, ...args], '', { TZ: zone })
    expect([code, stderr]).toEqual([0, ''])
    return stdout.split('\n')
  }
  const asked = await plane.bothy(['simulate', 'workspace/dev', '--until', '2020-01-01T00:00:00Z'])
  expect(asked.code).toBe(2)
  expect(asked.stderr).toContain('until must be an instant within the coming year')
  const [heading, ...lines] = await simulate('dev', 'Europe/Berlin', '--until', '+7d')
  expect(heading).toMatch(/^workspace\/dev in \S+ until [-0-9]+T[:0-9]+Z, by the clocks of UTC$/)
  expect(lines).toEqual([
    'DAY  AT                    WANTS    REASON     WHY',
    'Mon  2026-11-23T09:00:00Z  running  Autostart  Its schedule starts it.',
    '',
  ])
  // Of the zone that counts for it, wherever somebody asks.
  expect((await simulate('far', 'Europe/Berlin'))[2]).toMatch(/^Sun {2}2026-11-22T22:00:00-11:00 {2}running/)
  const [zoned, , first] = await simulate('high', 'Europe/Berlin', '--until', '+1h')
  expect(zoned).toMatch(/\+05:45, by the clocks of Asia\/Kathmandu$/)
  expect(first).toMatch(/^Mon {2}2026-11-23T14:45:00\+05:45 {2}running/)
  // Where none is said, of whoever asks.
  expect((await simulate('older', 'America/New_York'))[2]).toMatch(/^Mon {2}2026-11-23T04:00:00-05:00 {2}running/)
  expect((await simulate('older', 'Pacific/Kiritimati'))[2]).toMatch(/^Mon {2}2026-11-23T23:00:00\+14:00 {2}running/)
  const json = JSON.parse((await simulate('dev', 'Europe/Berlin', '-o', 'json')).join('\n')) as unknown
  expect(json).toMatchObject({ changes: [{ at: '2026-11-23T09:00:00Z', wants: 'running', reason: 'Autostart' }] })
  expect(await plane.bothy(['simulate', 'nobody'])).toMatchObject({ code: 3 })
})

test('create asks the template what it needs, and makes a workspace', async () => {
  const ns = await newNamespace()
  await cluster.create(
    {
      apiVersion: 'bothy.dev/v1alpha1',
      kind: 'Template',
      metadata: { name: 'hello', namespace: ns },
      spec: { source: { type: 'Folder', folder: { path: './x' } } },
    },
    { manager: 'test', user: 'ada' },
  )
  const parameter = { type: 'string', mutable: true, description: '' }
  const parameters = [
    { name: 'size', required: true, ...parameter },
    { name: 'greeting', required: false, default: 'hi', ...parameter },
  ]
  await cluster.patchStatus('Template', ns, 'hello', { status: { parameters } }, CONTROLLER)
  const lacking = await plane.bothy(['create', 'dev', '-t', 'hello', '-n', ns])
  expect(lacking).toMatchObject({ code: 2, stderr: 'bothy: the template needs size\n  to do:  give --param size=…\n' })
  expect(await plane.bothy(['create', 'dev', '-t', 'hello', '-p', 'size=big', '-n', ns, '--no-wait'])).toMatchObject({
    code: 0,
    stdout: 'workspace/dev created\n',
  })
  expect((await cluster.get('Workspace', ns, 'dev'))?.spec).toMatchObject({ template: { name: 'hello' }, parameters: { size: 'big' } })
  expect(await plane.bothy(['create', 'dev', '-t', 'hello', '-p', 'size=big', '-n', ns])).toMatchObject({ code: 4 })
})

test('create refuses what the template would, and makes nothing', async () => {
  const ns = await newNamespace()
  const template = { apiVersion: 'bothy.dev/v1alpha1', kind: 'Template', metadata: { name: 'hello', namespace: ns } }
  await cluster.create({ ...template, spec: { source: { type: 'Folder', folder: { path: './x' } } } }, { manager: 'test', user: 'ada' })
  const parameters = [
    { name: 'size', type: 'string', required: true, formType: 'radio', options: [{ name: 'Small', value: 'S' }] },
    { name: 'cpu', type: 'number', default: '2', validation: { min: 1, max: 8 } },
  ]
  const presets = ['Big', 'small'].map((name) => ({ name, parameters: { size: 'S' } }))
  await cluster.patchStatus('Template', ns, 'hello', { status: { parameters, presets } }, CONTROLLER)
  const create = (...more: string[]) => plane.bothy(['create', 'dev', '-t', 'hello', '-n', ns, '--no-wait', ...more])
  const cases = [
    [['-p', 'size=S', '-p', 'foo=1'], 'there is no parameter "foo"; the template has size, cpu'],
    [['-p', 'size=XL'], 'parameter "size" does not offer "XL"; it offers "S"'],
    [['-p', 'size=S', '-p', 'cpu=9'], 'parameter "cpu" must be at most 8, not 9'],
    [['-p', 'size=S', '-p', 'cpu=many'], 'parameter "cpu" must be a number, not "many"'],
    [['--preset', 'big'], 'there is no preset "big"; the template has Big, small'],
  ] as const
  for (const [args, what] of cases) {
    const { code, stderr } = await create(...args)
    expect({ code, stderr }).toEqual({
      code: 4,
      stderr: `bothy: ${what}\n  where:  template/hello in ${ns}\n  to do:  bothy get template hello -n ${ns} -o yaml shows what it takes\n`,
    })
  }
  expect((await cluster.list('Workspace', { namespace: ns })).items).toEqual([])
  expect(await create('--preset', 'small')).toMatchObject({ code: 0 })
})

test('create ends when what it made does not go on by itself', async () => {
  const ns = await newNamespace()
  const template = { apiVersion: 'bothy.dev/v1alpha1', kind: 'Template', metadata: { name: 'hello', namespace: ns } }
  await cluster.create({ ...template, spec: { source: { type: 'Folder', folder: { path: './x' } } } }, { manager: 'test', user: 'ada' })
  const creating = plane.begin(['create', 'dev', '-t', 'hello', '-n', ns])
  await until('the workspace to be made', () => cluster.get('Workspace', ns, 'dev'))
  const conditions = ['Ready', 'Stalled'].map((type) =>
    condition(type, type === 'Ready' ? 'False' : 'True', 'ParameterInvalid', 'Parameter "size" needs a value.'),
  )
  await cluster.patchStatus('Workspace', ns, 'dev', { status: { state: 'Pending', observedGeneration: 1, conditions } }, CONTROLLER)
  await until('it to end', () => creating.output().includes('does not go on by itself'))
  expect(creating.output()).toContain('where:  Pending, ParameterInvalid: Parameter "size" needs a value.')
  expect(await creating.end('SIGCONT')).toBe(1)
})

test('adopt takes an object from its file, says what that means, and gives it back', async () => {
  const ns = await newNamespace()
  const folder = { manager: 'bothy-folder', user: 'ada', declarer: 'folder:/srv/team' }
  const declaredBy = JSON.stringify({ source: 'folder:/srv/team', path: 'dev.yaml', line: 3, revision: 'sha256:1' })
  const draft = (kind: string, name: string, spec: object) =>
    ({
      apiVersion: 'bothy.dev/v1alpha1',
      kind,
      metadata: { name, namespace: ns, annotations: { 'bothy.dev/declared-by': declaredBy } },
      spec,
    }) as const
  await cluster.apply(draft('Workspace', 'dev', { template: { name: 'hello' } }), folder)
  await cluster.apply(draft('Template', 'hello', { source: { type: 'Folder', folder: { path: './hello' } } }), folder)
  const adopt = (...args: string[]) => plane.bothy(['adopt', ...args, '-n', ns])
  const annotations = async () => (await cluster.get('Workspace', ns, 'dev'))?.metadata.annotations
  const said = `workspace/dev in ${ns} is kept by hand from now on; dev.yaml of folder:/srv/team no longer changes it`

  expect(await adopt('workspace/dev', '--dry-run')).toEqual({ code: 0, stdout: `${said} (dry run)\n`, stderr: '' })
  expect(await annotations()).toEqual({ 'bothy.dev/declared-by': declaredBy })
  expect(await adopt('workspace/dev')).toEqual({ code: 0, stdout: `${said}\n`, stderr: '' })
  expect(await annotations()).toEqual({ 'bothy.dev/adopted': 'true' })
  expect((await adopt('workspace/dev')).stdout).toBe(`workspace/dev in ${ns} is kept by hand already\n`)
  const changed = await plane.bothy(['apply', '-f', '-', '-n', ns], workspace('dev', '  power: Stopped\n'))
  expect(changed).toEqual({ code: 0, stdout: `workspace/dev in ${ns} configured\n`, stderr: '' })
  expect((await adopt('workspace/dev', '--undo')).stdout).toMatch(/may be declared by a file again/)
  expect(await annotations()).toBeUndefined()
  expect((await adopt('template/hello')).stderr).toMatch(/^note: only a file can declare a template of a folder/)
  expect((await adopt('workspace/missing')).code).toBe(3)
})

test('delete waits until it is gone; diff shows what apply would do', async () => {
  const ns = await newNamespace()
  await given(ns, 'dev')
  const file = join(temporaryFolder(), 'dev.yaml')
  writeFileSync(file, workspace('dev', '  power: Stopped\n'))
  const changed = await plane.bothy(['diff', '-f', file, '-n', ns])
  expect(changed).toMatchObject({ code: 1, stderr: '', stdout: expect.stringMatching(/-\s+power: Auto\n\+\s+power: Stopped/) })
  writeFileSync(file, workspace('dev'))
  expect(await plane.bothy(['diff', '-f', file, '-n', ns])).toEqual({ code: 0, stdout: '', stderr: '' })
  expect(await plane.bothy(['delete', '-f', file, '-n', ns, '--dry-run'])).toMatchObject({
    code: 0,
    stdout: `workspace/dev in ${ns} would be deleted\n`,
  })
  writeFileSync(file, `${workspace('dev')}---\nkind: [unclosed\n`)
  expect(await plane.bothy(['delete', '-f', file, '-n', ns])).toMatchObject({ code: 4, stdout: '' })
  expect(await plane.bothy(['delete', 'workspace/dev', '-n', ns])).toMatchObject({ code: 0, stdout: `workspace/dev in ${ns} deleted\n` })
  expect(await cluster.get('Workspace', ns, 'dev')).toBe(null)
})

test('why prints the chain of rules, and events what happened', async () => {
  const ns = await newNamespace()
  const { metadata } = await given(ns, 'dev')
  expect((await plane.bothy(['why', 'workspace/dev', '-n', ns])).stdout).toBe(
    [
      `workspace/dev in ${ns}: wants to run; a build is running.`,
      '  wants    running (Created)',
      '  held by  build 1 is running',
      '  changes  the end of the build',
      '',
      '    deleted: nothing',
      '  → never built: running',
      '',
    ].join('\n'),
  )
  const declared = condition('Declared', 'False', 'InvalidYaml', 'The last good declaration stays in force. dev.yaml:7:1: no.')
  await cluster.patchStatus('Workspace', ns, 'dev', { status: { observedGeneration: 1, conditions: [declared] } }, CONTROLLER)
  expect((await plane.bothy(['why', 'workspace/dev', '-n', ns])).stdout.split('\n').slice(0, 3)).toEqual([
    `workspace/dev in ${ns}: wants to run; a build is running.`,
    '  declared The last good declaration stays in force. dev.yaml:7:1: no.',
    '  wants    running (Created)',
  ])
  await cluster.emit({
    regarding: { kind: 'Workspace', namespace: ns, name: 'dev', uid: metadata.uid },
    type: 'Normal',
    reason: 'Started',
    action: 'Start',
    note: 'Build 1 succeeded.',
  })
  const events = await until('the event', async () => {
    const { stdout } = await plane.bothy(['events', 'workspace/dev', '-n', ns])
    return stdout.includes('Started') ? stdout : null
  })
  expect(events).toMatch(/^LAST SEEN +TYPE +REASON +OBJECT +MESSAGE\n\d+s +Normal +Started +workspace\/dev +Build 1 succeeded\.\n$/)
})

test('a stopped workspace is not entered, and how to start it is said at once', async () => {
  const ns = await newNamespace()
  await given(ns, 'dev', { power: { effective: 'Stopped', reason: 'Requested' } })
  const { code, stderr } = await plane.bothy(['exec', 'dev', '-n', ns, '--', 'true'])
  expect(code).toBe(4)
  expect(stderr).toMatch(
    new RegExp(`^bothy: Workspace dev is stopped\\.\\n {2}where: .*\\n {2}to do: {2}start it: bothy start dev -n ${ns}\\n$`),
  )
})

test('a url with the wrong scheme is said in a sentence', async () => {
  const wrong = plane.url.replace('http:', 'https:')
  const { code, stderr } = await plane.bothy(['get', 'ws', '--url', wrong])
  expect({ code, stderr }).toEqual({
    code: 5,
    stderr: [
      'bothy: the control plane cannot be reached',
      `  where:  ${wrong} (--url): it does not speak TLS; with http:// it may answer`,
      '  to do:  see that it runs, and that --url is right',
      '',
    ].join('\n'),
  })
})

test('version says which control plane it talks to, and how it found it', async () => {
  const { stdout } = await plane.bothy(['version'])
  expect(stdout).toMatch(new RegExp(`\\ncontrol plane: ${plane.url}, BOTHY_URL: .*0\\.0\\.0-test`))
})
