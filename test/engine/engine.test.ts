import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Resource } from '../../controller/cluster/port.ts'
import { putSetting, deleteSetting } from '../../controller/store/settings.ts'
import { DOWN_SETTING } from '../../controller/reconcile/store-ports.ts'
import { withDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { IMPORTED, openBench, requestDraft, saidBy, templateDraft, workspaceDraft, type Bench } from './bench.ts'

const { db } = await withDatabase()
let bench: Bench

beforeEach(async () => {
  bench = await openBench(db)
})

afterEach(async () => {
  await bench.close()
  await db.query('truncate objects, events, jobs, versions, agents, provisioners, settings cascade')
})

/** A template that is imported and a workspace that runs. */
async function settled(): Promise<Resource> {
  await bench.provisioner()
  await bench.apply(templateDraft())
  await bench.finish(await bench.claim(), IMPORTED)
  await bench.becomes('Template', 'node', 'Ready', 'True Imported')
  await bench.apply(workspaceDraft())
  await bench.finish(await bench.claim())
  return bench.becomes('Workspace', 'dev', 'Ready', 'True Running')
}

test('a declared template is imported, and a declared workspace is built', async () => {
  const workspace = await settled()
  expect(workspace.metadata.finalizers).toEqual(['bothy.dev/destroy'])
  expect(await bench.jobs()).toEqual([
    { kind: 'import', transition: null, reason: 'SourceChanged', phase: 'Succeeded' },
    { kind: 'build', transition: 'start', reason: 'Created', phase: 'Succeeded' },
  ])
  const template = await until('the template to count its workspace', async () => {
    const found = await bench.get('Template', 'node')
    return JSON.stringify(found?.status).includes('"running":1') ? found : null
  })
  expect(template.status).toMatchObject({ workspaces: { total: 1, running: 1, outdated: 0 }, parameters: [{ name: 'cpu', default: '2' }] })
})

const versions = async () =>
  [await bench.get('Workspace', 'dev'), await bench.get('Template', 'node')].map((object) => object?.metadata.resourceVersion)

test('a settled system writes nothing', async () => {
  await settled()
  await until('everything to be looked at', () => bench.engine.depth() === 0)
  await until('the last count of the template', async () =>
    JSON.stringify((await bench.get('Template', 'node'))?.status).includes('"running":1'),
  )
  const before = await versions()
  for (let i = 0; i < 3; i++) {
    bench.engine.lookAtAll()
    await until('everything to be looked at', () => bench.engine.depth() === 0)
  }
  expect(await versions()).toEqual(before)
})

test('the spec is never written', async () => {
  const workspace = await settled()
  expect([workspace.metadata.generation, workspace.spec]).toEqual([
    1,
    expect.objectContaining({ template: { name: 'node' }, power: 'Auto' }),
  ])
})

test('a workspace that comes before its template waits for it, and goes on by itself', async () => {
  await bench.provisioner()
  await bench.apply(workspaceDraft())
  await bench.becomes('Workspace', 'dev', 'Ready', 'False TemplateMissing')
  await bench.apply(templateDraft())
  await bench.finish(await bench.claim(), IMPORTED)
  expect((await bench.claim()).job).toMatchObject({ kind: 'build', transition: 'start', number: 1 })
})

test('without a provisioner nothing is queued, and its first heartbeat wakes what waits', async () => {
  await bench.provisioner()
  await bench.apply(templateDraft())
  await bench.finish(await bench.claim(), IMPORTED)
  await bench.becomes('Template', 'node', 'Ready', 'True Imported')
  await db.query('delete from provisioners')
  await bench.apply(workspaceDraft())
  await bench.becomes('Workspace', 'dev', 'Reconciling', 'True Queued')
  expect((await bench.jobs()).filter(({ kind }) => kind === 'build')).toEqual([])
  await bench.provisioner()
  expect((await bench.claim()).job).toMatchObject({ transition: 'start', number: 1 })
})

test('a changed parameter is one build, and a wrong one is none', async () => {
  await settled()
  await bench.apply(workspaceDraft({ parameters: { cpu: '4' } }))
  const { job } = await bench.claim()
  expect(job).toMatchObject({ reason: 'Updated', input: { parameters: { cpu: '4' }, previousParameters: { cpu: '2' } } })
  await bench.finish({ job, provisionerId: 'provisioner-1', epoch: 1 })
  await bench.becomes('Workspace', 'dev', 'Ready', 'True Running')
  await bench.apply(workspaceDraft({ parameters: { cpu: 'many' } }))
  await bench.becomes('Workspace', 'dev', 'Stalled', 'True ParameterInvalid')
  expect(await bench.jobs()).toHaveLength(3)
})

test('requests to stop, start and restart are answered by their builds', async () => {
  await settled()
  for (const [action, legs] of [
    ['Stop', ['stop']],
    ['Start', ['start']],
    ['Restart', ['stop', 'start']],
  ] as const) {
    await bench.apply(requestDraft(action))
    for (const transition of legs) {
      const claim = await bench.claim()
      expect(claim.job).toMatchObject({ transition, reason: 'Requested', class: 'person' })
      await bench.finish(claim)
    }
    await until(`${action} to be answered`, async () =>
      saidBy(await bench.get('WorkspaceRequest', action.toLowerCase()), 'Succeeded').startsWith('True'),
    )
  }
})

test('deleting destroys, and then lets the object and at last the template go', async () => {
  await settled()
  const person = { manager: 'test', user: 'ada' }
  await bench.cluster.delete('Template', 'default', 'node', person)
  await bench.becomes('Template', 'node', 'InUse', 'True InUse')
  await bench.cluster.delete('Workspace', 'default', 'dev', person)
  const claim = await bench.claim()
  expect(claim.job).toMatchObject({ transition: 'destroy', reason: 'Deleted' })
  await bench.finish(claim)
  await until('the workspace to be gone', async () => (await bench.get('Workspace', 'dev')) === null)
  await until('the template to be gone', async () => (await bench.get('Template', 'node')) === null)
})

test('brought down and up again', async () => {
  await settled()
  await putSetting(db, DOWN_SETTING, true)
  bench.engine.lookAtAll()
  const stop = await bench.claim()
  expect(stop.job).toMatchObject({ transition: 'stop', reason: 'BroughtDown' })
  await bench.finish(stop)
  await bench.becomes('Workspace', 'dev', 'Ready', 'True Stopped')
  await deleteSetting(db, DOWN_SETTING)
  bench.engine.lookAtAll()
  expect((await bench.claim()).job).toMatchObject({ transition: 'start', reason: 'Resumed' })
})

test('an asked look is echoed', async () => {
  await settled()
  await bench.patch('Workspace', 'dev', { metadata: { annotations: { 'bothy.dev/reconcile': 'now-1' } } })
  await until('the echo', async () =>
    JSON.stringify((await bench.get('Workspace', 'dev'))?.status).includes('"lastHandledReconcile":"now-1"'),
  )
})

test('what happened is told once', async () => {
  await settled()
  await until('everything to be looked at', () => bench.engine.depth() === 0)
  bench.engine.lookAtAll()
  await until('everything to be looked at', () => bench.engine.depth() === 0)
  const { items } = await bench.cluster.list('Event', { namespace: 'default' })
  const told = items.map((event) =>
    'reason' in event ? `${String(event.reason)} ${'series' in event && event.series ? 'again' : 'once'}` : '',
  )
  expect(told.toSorted()).toEqual(['Imported once', 'Started once'])
})

test('why says what holds it', async () => {
  await bench.apply(workspaceDraft())
  await bench.becomes('Workspace', 'dev', 'Ready', 'False TemplateMissing')
  expect(await bench.engine.explain('Workspace/default/dev')).toMatchObject({
    kind: 'Workspace',
    name: 'dev',
    wants: 'running',
    holds: 'TemplateMissing: Template default/node does not exist.',
  })
  expect(await bench.engine.explain('Workspace/default/other')).toBeNull()
})
