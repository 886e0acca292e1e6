import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isRefused, type Refused } from '../../controller/kernel/errors.ts'
import { newUid, randomSuffix } from '../../controller/kernel/names.ts'
import { createCache } from '../../controller/cluster/cache.ts'
import type { Change, Cluster, Draft, Resource, WriteOptions, Writer } from '../../controller/cluster/port.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import { until } from '../support/until.ts'

/** What every implementation of the Cluster port does. `open` answers a cluster with the kinds installed, and a namespace of its own. */
export interface Opened {
  readonly cluster: Cluster
  readonly namespace: string
  close(): Promise<void>
}

const ada: Writer = { manager: 'test', user: 'ada' }
const controller: Writer = { manager: 'bothy-controller', user: 'controller' }
const folder: Writer = { manager: 'bothy-folder', user: 'folder', declarer: 'folder:/srv/declared' }
const otherFolder: Writer = { manager: 'bothy-folder', user: 'folder', declarer: 'folder:/srv/other' }

type Metadata = Draft['metadata']

/** The status of what no controller has looked at. */
const UNSEEN = { observedGeneration: -1 }
/** The collector of a cluster looks for kinds that are new to it every half minute. */
const COLLECTED_MS = 90_000

export const workspaceOf = (metadata: Metadata, spec: Readonly<Record<string, unknown>> = {}): Draft => ({
  apiVersion: 'bothy.dev/v1alpha1',
  kind: 'Workspace',
  metadata,
  spec: { owner: 'ada', template: { name: 'node' }, ...spec },
})

const namespaceNamed = (name: string): Draft => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })

const declaredBy = (writer: Writer, path = 'dev.yaml', line = 3) => ({
  'bothy.dev/declared-by': JSON.stringify({ source: writer.declarer, path, line, revision: 'sha256:0' }),
})

async function refusal(work: Promise<unknown>): Promise<Pick<Refused, 'reason' | 'code' | 'message' | 'details'>> {
  try {
    await work
  } catch (error) {
    if (isRefused(error)) return error
    throw error
  }
  throw new Error('it was not refused')
}

const said = async (work: Promise<unknown>) => {
  const { code, reason, message } = await refusal(work)
  return { code, reason, message }
}

const specOf = (object: Resource | null): Readonly<Record<string, unknown>> => ({ ...(object?.spec as object | undefined) })
const names = (items: readonly Resource[]) => items.map(({ metadata }) => metadata.name)
const fresh = (prefix: string) => `${prefix}-${randomSuffix(6)}`

const ownedBy = (owner: Resource) => [
  { apiVersion: owner.apiVersion, kind: owner.kind, name: owner.metadata.name, uid: owner.metadata.uid },
]

/** Collects what a watch shows until it is ended. */
function watching(cluster: Cluster, kind: string, options: Parameters<Cluster['watch']>[1]) {
  const ended = new AbortController()
  const changes: Change[] = []
  const done = (async () => {
    for await (const change of cluster.watch(kind, options, ended.signal)) changes.push(change)
  })()
  const shown = () => changes.flatMap((change) => (change.type === 'BOOKMARK' ? [] : [`${change.type} ${change.object.metadata.name}`]))
  return {
    changes,
    shown,
    done,
    seen: (count: number) =>
      until(`${count} changes of ${kind}, seen ${JSON.stringify(shown())}`, () => shown().length >= count && shown()),
    async end() {
      ended.abort()
      await done
    },
  }
}

export function describeCluster(name: string, open: () => Promise<Opened>): void {
  describe(name, () => {
    let opened: Opened | undefined
    const opened_ = (): Opened => {
      if (!opened) throw new Error('the cluster is not open')
      return opened
    }
    const cluster = (): Cluster => opened_().cluster
    const home = (): string => opened_().namespace
    const workspace = (metadata: Metadata, spec: Readonly<Record<string, unknown>> = {}): Draft =>
      workspaceOf({ namespace: home(), ...metadata }, spec)
    beforeAll(async () => {
      opened = await open()
    })
    afterAll(() => opened?.close())

    const create = (draft: Draft, options?: WriteOptions) => cluster().create(draft, ada, options)
    const get = (object: string, namespace = home(), kind = 'Workspace') => cluster().get(kind, namespace, object)
    const release = (object: string, namespace = home()) =>
      cluster().patch('Workspace', namespace, object, { metadata: { finalizers: null } }, ada)

    const declare = (draft: Draft, writer: Writer, path?: string) =>
      cluster().apply(
        { ...draft, metadata: { ...draft.metadata, annotations: { ...draft.metadata.annotations, ...declaredBy(writer, path) } } },
        writer,
      )
    const happened = (name: string, note: string) =>
      cluster().emit({
        regarding: { kind: 'Workspace', namespace: home(), name, uid: newUid() },
        type: 'Normal',
        reason: 'Started',
        action: 'Start',
        note,
      })
    const about = async (name: string) =>
      (await cluster().list('Event', { namespace: home(), fieldSelector: `regarding.name=${name}` })).items.map((event) =>
        JSON.parse(JSON.stringify(event)),
      )
    /** The first write after birth stores the defaults of status with it, even if nothing else changes. */
    const completed = (name: string) => cluster().patchStatus('Workspace', home(), name, { status: UNSEEN }, controller)
    const mark = (metadata: object) => cluster().patch('Workspace', home(), 'app5', { metadata }, ada)

    describe('create', () => {
      test('stores the object with what the server sets and the defaults of its definition', async () => {
        const made = await create(workspace({ name: 'born', labels: { team: 'a' } }))
        expect(made.metadata).toEqual({
          name: 'born',
          namespace: home(),
          uid: expect.stringMatching(/^[0-9a-f-]{36}$/),
          resourceVersion: expect.stringMatching(/^\d+$/),
          generation: 1,
          creationTimestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
          labels: { team: 'a' },
        })
        expect(specOf(made)).toMatchObject({ owner: 'ada', template: { name: 'node' }, power: 'Auto' })
        expect(made.status).toEqual(UNSEEN)
        expect(await get('born')).toEqual(made)
      })

      test('a stored object is frozen', async () => {
        const made = await create(workspace({ name: 'frozen' }))
        expect(Object.isFrozen(made) && Object.isFrozen(made.metadata) && Object.isFrozen(made.spec)).toBe(true)
      })

      test('the name is completed where only its beginning is given', async () => {
        const { namespace: _, ...metadata } = (await create(workspace({ generateName: 'gen-' }))).metadata
        expect(metadata.name).toMatch(/^gen-[a-z0-9]{5}$/)
        expect(metadata.generateName).toBe('gen-')
      })

      test('a name that is taken is refused', async () => {
        await create(workspace({ name: 'taken' }))
        expect(await said(create(workspace({ name: 'taken' })))).toEqual({
          code: 409,
          reason: 'AlreadyExists',
          message: 'workspaces.bothy.dev "taken" already exists',
        })
      })

      test('a namespace that does not exist is refused by its name', async () => {
        expect(await said(create(workspace({ name: 'lost', namespace: 'nowhere' })))).toEqual({
          code: 404,
          reason: 'NotFound',
          message: 'namespaces "nowhere" not found',
        })
      })

      test('an object that its definition does not allow is refused with the field, and not stored', async () => {
        const refused = await refusal(create(workspace({ name: 'wrong' }, { power: 'Sometimes' })))
        expect(refused).toMatchObject({ reason: 'Invalid', code: 422 })
        expect(refused.message).toMatch(/^Workspace.bothy.dev "wrong" is invalid: /)
        expect(refused.details.causes?.map(({ field, reason }) => ({ field, reason }))).toContainEqual({
          field: 'spec.power',
          reason: 'FieldValueNotSupported',
        })
        expect(await get('wrong')).toBeNull()
      })

      test('without a name it is refused', async () => {
        expect(await refusal(create(workspace({})))).toMatchObject({ reason: 'Invalid' })
      })

      test('with a version it is refused', async () => {
        expect(await said(create(workspace({ name: 'again', resourceVersion: '1' })))).toEqual({
          code: 500,
          reason: 'InternalError',
          message: 'resourceVersion should not be set on objects to be created',
        })
      })

      test('unknown fields are dropped with a warning, or refused on wish', async () => {
        const warnings: string[] = []
        const made = await create(workspace({ name: 'typo' }, { ownr: 'x' }), { warn: (message) => warnings.push(message) })
        expect(warnings).toEqual(['unknown field "spec.ownr"'])
        expect(specOf(made)).not.toHaveProperty('ownr')
        expect(await refusal(create(workspace({ name: 'typo2' }, { ownr: 'x' }), { fieldValidation: 'Strict' }))).toMatchObject({
          code: 400,
          message: expect.stringContaining('unknown field "spec.ownr"'),
        })
      })

      test('a status that comes along is not taken', async () => {
        const made = await create({ ...workspace({ name: 'boastful' }), status: { state: 'Running' } })
        expect(made.status).toEqual(UNSEEN)
      })

      test('as a trial it answers what it would be and stores nothing', async () => {
        const tried = await create(workspace({ name: 'trial' }), { dryRun: true })
        expect(tried.metadata).toMatchObject({ name: 'trial', generation: 1 })
        expect(await get('trial')).toBeNull()
        expect(await refusal(create(workspace({ name: 'trial', namespace: 'nowhere' }), { dryRun: true }))).toMatchObject({
          reason: 'NotFound',
        })
      })

      test('a kind of the whole cluster has no namespace', async () => {
        const name = fresh('ada')
        const owner = await create({ apiVersion: 'bothy.dev/v1alpha1', kind: 'Owner', metadata: { name }, spec: {} })
        expect(owner.metadata.namespace).toBeUndefined()
        expect(await get(name, '', 'Owner')).toEqual(owner)
      })
    })

    describe('replace', () => {
      test('moves the generation with the spec, and only then', async () => {
        const made = await create(workspace({ name: 'moved' }))
        const labelled = await cluster().replace(
          workspace({ name: 'moved', resourceVersion: made.metadata.resourceVersion, labels: { a: 'b' } }),
          ada,
        )
        expect(labelled.metadata).toMatchObject({ generation: 1, labels: { a: 'b' }, uid: made.metadata.uid })
        const powered = await cluster().replace(
          workspace({ name: 'moved', resourceVersion: labelled.metadata.resourceVersion }, { power: 'Stopped' }),
          ada,
        )
        expect(powered.metadata.generation).toBe(2)
        expect(powered.metadata.labels).toBeUndefined()
      })

      test('needs the version it was made from', async () => {
        const made = await create(workspace({ name: 'stale' }))
        expect(await said(cluster().replace(workspace({ name: 'stale' }), ada))).toEqual({
          code: 422,
          reason: 'Invalid',
          message: expect.stringContaining(
            '"stale" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update',
          ),
        })
        const draft = workspace({ name: 'stale', resourceVersion: made.metadata.resourceVersion }, { power: 'Stopped' })
        await cluster().replace(draft, ada)
        expect(await said(cluster().replace(workspace({ ...draft.metadata }, { power: 'Running' }), ada))).toEqual({
          code: 409,
          reason: 'Conflict',
          message:
            'Operation cannot be fulfilled on workspaces.bothy.dev "stale": the object has been modified; please apply your changes to the latest version and try again',
        })
      })

      test('refuses another object of the same name', async () => {
        const { metadata } = await create(workspace({ name: 'same-name' }))
        const uid = newUid()
        expect(
          await said(cluster().replace(workspace({ name: 'same-name', uid, resourceVersion: metadata.resourceVersion }), ada)),
        ).toEqual({
          code: 409,
          reason: 'Conflict',
          message: expect.stringContaining(`Precondition failed: UID in precondition: ${uid}, UID in object meta: ${metadata.uid}`),
        })
      })

      test('does not create', async () => {
        expect(await said(cluster().replace(workspace({ name: 'absent', resourceVersion: '1' }), ada))).toEqual({
          code: 404,
          reason: 'NotFound',
          message: 'workspaces.bothy.dev "absent" not found',
        })
      })

      test('keeps the status', async () => {
        const made = await create(workspace({ name: 'kept' }))
        const told = await cluster().patchStatus('Workspace', home(), 'kept', { status: { state: 'Running' } }, controller)
        const next = await cluster().replace(
          {
            ...workspace({ name: 'kept', resourceVersion: told.metadata.resourceVersion }, { power: 'Stopped' }),
            status: { state: 'Failed' },
          },
          ada,
        )
        expect(next.status).toEqual({ ...UNSEEN, state: 'Running' })
        expect(made.metadata.uid).toBe(next.metadata.uid)
      })

      test('that changes nothing writes nothing', async () => {
        await create(workspace({ name: 'calm', labels: { a: 'b' } }))
        const made = await completed('calm')
        const { resourceVersion } = made.metadata
        expect(await cluster().replace(workspace({ name: 'calm', resourceVersion, labels: { a: 'b' } }), ada)).toEqual(made)
        expect(await cluster().patch('Workspace', home(), 'calm', { metadata: { labels: { a: 'b' } } }, ada)).toEqual(made)
      })
    })

    describe('patch', () => {
      test('changes what it names, takes away what it sets to null, and leaves the rest', async () => {
        await create(workspace({ name: 'patched', labels: { a: '1', b: '2' } }, { parameters: { cpu: '2', disk: '10' } }))
        const patched = await cluster().patch(
          'Workspace',
          home(),
          'patched',
          { metadata: { labels: { a: null } }, spec: { parameters: { cpu: '4' } } },
          ada,
        )
        expect(patched.metadata).toMatchObject({ labels: { b: '2' }, generation: 2 })
        expect(specOf(patched)['parameters']).toEqual({ cpu: '4', disk: '10' })
      })

      test('with a version that is over is a conflict', async () => {
        const { metadata } = await create(workspace({ name: 'patched2' }))
        await cluster().patch('Workspace', home(), 'patched2', { metadata: { labels: { a: 'b' } } }, ada)
        const patch = { metadata: { resourceVersion: metadata.resourceVersion, labels: { a: 'c' } } }
        expect(await refusal(cluster().patch('Workspace', home(), 'patched2', patch, ada))).toMatchObject({ reason: 'Conflict' })
      })

      test('cannot make it another object', async () => {
        await create(workspace({ name: 'patched3' }))
        expect(await refusal(cluster().patch('Workspace', home(), 'patched3', { metadata: { name: 'other' } }, ada))).toMatchObject({
          code: expect.toSatisfy((code: number) => code === 400 || code === 422),
        })
      })

      test('of a spec that its definition does not allow is refused and changes nothing', async () => {
        const made = await create(workspace({ name: 'patched4' }))
        const patch = { spec: { owner: 'eve' } }
        expect(await refusal(cluster().patch('Workspace', home(), 'patched4', patch, ada))).toMatchObject({ reason: 'Invalid' })
        expect(await get('patched4')).toEqual(made)
      })

      test('keeps a key named __proto__ a key like any other', async () => {
        await create(workspace({ name: 'proto' }, { parameters: { a: '1' } }))
        const patch: unknown = JSON.parse('{"spec":{"parameters":{"__proto__":"2"}}}')
        const patched = await cluster()
          .patch('Workspace', home(), 'proto', patch, ada)
          .catch((error: unknown) => error)
        expect(isRefused(patched) || JSON.stringify(patched).includes('"__proto__":"2"')).toBe(true)
        expect(Object.getPrototypeOf(specOf(await get('proto')))).toBe(Object.prototype)
      })

      test('of nothing writes nothing, and of an object that is not there is refused', async () => {
        await create(workspace({ name: 'patched5' }))
        const made = await completed('patched5')
        expect(await cluster().patch('Workspace', home(), 'patched5', {}, ada)).toEqual(made)
        expect(await refusal(cluster().patch('Workspace', home(), 'absent', {}, ada))).toMatchObject({ reason: 'NotFound' })
      })
    })

    describe('status', () => {
      test('is written alone: spec, labels and generation stay', async () => {
        const made = await create(workspace({ name: 'status' }))
        const patch = {
          metadata: { labels: { no: 'thing' } },
          spec: { power: 'Stopped' },
          status: { state: 'Starting', observedGeneration: 1 },
        }
        const told = await cluster().patchStatus('Workspace', home(), 'status', patch, controller)
        expect(told).toEqual({
          ...made,
          metadata: { ...made.metadata, resourceVersion: told.metadata.resourceVersion },
          status: { state: 'Starting', observedGeneration: 1 },
        })
        expect(told.metadata.resourceVersion).not.toBe(made.metadata.resourceVersion)
      })

      test('merges, writes nothing when nothing changes, and keeps to a version that is given', async () => {
        const made = await create(workspace({ name: 'status2' }))
        const first = await cluster().patchStatus('Workspace', home(), 'status2', { status: { state: 'Running' } }, controller)
        const second = await cluster().patchStatus('Workspace', home(), 'status2', { status: { observedGeneration: 1 } }, controller)
        expect(second.status).toEqual({ state: 'Running', observedGeneration: 1 })
        expect(await cluster().patchStatus('Workspace', home(), 'status2', { status: { state: 'Running' } }, controller)).toEqual(second)
        const stale = { metadata: { resourceVersion: made.metadata.resourceVersion }, status: { state: 'Stopped' } }
        expect(await refusal(cluster().patchStatus('Workspace', home(), 'status2', stale, controller))).toMatchObject({
          reason: 'Conflict',
        })
        expect(first.metadata.generation).toBe(1)
      })

      test('that its definition does not allow is refused', async () => {
        await create(workspace({ name: 'status3' }))
        const patch = { status: { state: 'Dancing' } }
        expect(await refusal(cluster().patchStatus('Workspace', home(), 'status3', patch, controller))).toMatchObject({
          reason: 'Invalid',
        })
      })
    })

    describe('delete', () => {
      test('removes the object and answers what it was', async () => {
        const made = await create(workspace({ name: 'removed' }))
        expect((await cluster().delete('Workspace', home(), 'removed', ada)).metadata.uid).toBe(made.metadata.uid)
        expect(await get('removed')).toBeNull()
        expect(await said(cluster().delete('Workspace', home(), 'removed', ada))).toEqual({
          code: 404,
          reason: 'NotFound',
          message: 'workspaces.bothy.dev "removed" not found',
        })
      })

      test('waits for finalizers: marked, then gone with the last of them', async () => {
        await create(workspace({ name: 'held', finalizers: ['bothy.dev/destroy', 'example.com/other'] }))
        const marked = await cluster().delete('Workspace', home(), 'held', ada)
        expect(marked.metadata).toMatchObject({
          deletionTimestamp: expect.stringMatching(/Z$/),
          deletionGracePeriodSeconds: 0,
          generation: 2,
          finalizers: ['bothy.dev/destroy', 'example.com/other'],
        })
        expect(await cluster().delete('Workspace', home(), 'held', ada)).toEqual(marked)
        await cluster().patch('Workspace', home(), 'held', { metadata: { finalizers: ['example.com/other'] } }, ada)
        const before = await get('held')
        const last = await release('held')
        expect(last.metadata.resourceVersion).toBe(before?.metadata.resourceVersion)
        expect(await get('held')).toBeNull()
      })

      test('refuses a new finalizer once it has begun', async () => {
        await create(workspace({ name: 'held2', finalizers: ['bothy.dev/destroy'] }))
        await cluster().delete('Workspace', home(), 'held2', ada)
        const patch = { metadata: { finalizers: ['bothy.dev/destroy', 'example.com/late'] } }
        const refused = await refusal(cluster().patch('Workspace', home(), 'held2', patch, ada))
        expect(refused.message).toMatch(/metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted/)
        await release('held2')
      })

      test('keeps to its preconditions', async () => {
        const { metadata } = await create(workspace({ name: 'kept-by' }))
        expect(await refusal(cluster().delete('Workspace', home(), 'kept-by', ada, { uid: newUid() }))).toMatchObject({
          reason: 'Conflict',
        })
        expect(await refusal(cluster().delete('Workspace', home(), 'kept-by', ada, { resourceVersion: '1' }))).toMatchObject({
          reason: 'Conflict',
        })
        await cluster().delete('Workspace', home(), 'kept-by', ada, { dryRun: true })
        expect(await get('kept-by')).not.toBeNull()
        await cluster().delete('Workspace', home(), 'kept-by', ada, { uid: metadata.uid, resourceVersion: metadata.resourceVersion })
        expect(await get('kept-by')).toBeNull()
      })
    })

    describe('garbage', { timeout: 2 * COLLECTED_MS }, () => {
      test('what its owner leaves behind goes too, through every generation', async () => {
        const owner = await create(workspace({ name: 'owner' }))
        const child = await create(workspace({ name: 'child', ownerReferences: ownedBy(owner) }))
        await create(workspace({ name: 'grandchild', ownerReferences: ownedBy(child) }))
        await cluster().delete('Workspace', home(), 'owner', ada)
        await until('the dependents to go', async () => !(await get('child')) && !(await get('grandchild')), { limitMs: COLLECTED_MS })
      })

      test('who has another living owner stays', async () => {
        const [first, second] = [await create(workspace({ name: 'owner-1' })), await create(workspace({ name: 'owner-2' }))]
        await create(workspace({ name: 'shared', ownerReferences: [...ownedBy(first), ...ownedBy(second)] }))
        const lost = await create(workspace({ name: 'alone', ownerReferences: ownedBy(first) }))
        await cluster().delete('Workspace', home(), 'owner-1', ada)
        await until('the one without another owner to go', async () => !(await get('alone')), { limitMs: COLLECTED_MS })
        expect(lost.metadata.ownerReferences).toHaveLength(1)
        expect(await get('shared')).not.toBeNull()
      })

      test('an object whose owner never was goes', async () => {
        const ownerReferences = [{ apiVersion: 'bothy.dev/v1alpha1', kind: 'Workspace', name: 'never', uid: newUid() }]
        await create(workspace({ name: 'foundling', ownerReferences }))
        await until('it to go', async () => !(await get('foundling')), { limitMs: COLLECTED_MS })
      })

      test('two controllers are refused', async () => {
        const owner = await create(workspace({ name: 'boss' }))
        const [reference] = ownedBy(owner)
        const ownerReferences = [
          { ...reference!, controller: true },
          { ...reference!, uid: newUid(), controller: true },
        ]
        const refused = await refusal(create(workspace({ name: 'torn', ownerReferences })))
        expect(refused.message).toMatch(/Only one reference can have Controller set to true/)
      })
    })

    describe('namespaces', () => {
      test('default is there and may not be deleted', async () => {
        expect(await get('default', '', 'Namespace')).toMatchObject({ kind: 'Namespace', status: { phase: 'Active' } })
        expect(await refusal(cluster().delete('Namespace', '', 'default', ada))).toMatchObject({ reason: 'Forbidden' })
      })

      test('a namespace takes everything in it along, finalizers are waited for, and nothing new comes in', async () => {
        const namespace = fresh('team')
        await create(namespaceNamed(namespace))
        await create(workspace({ name: 'plain', namespace }))
        await create(workspace({ name: 'held', namespace, finalizers: ['bothy.dev/destroy'] }))
        const ending = await cluster().delete('Namespace', '', namespace, ada)
        expect(ending).toMatchObject({ metadata: { deletionTimestamp: expect.any(String) }, status: { phase: 'Terminating' } })
        await until('the plain one to go', async () => !(await get('plain', namespace)))
        await until('the held one to be marked', async () => (await get('held', namespace))?.metadata.deletionTimestamp)
        expect(await refusal(create(workspace({ name: 'late', namespace })))).toMatchObject({
          reason: 'Forbidden',
          message: expect.stringContaining('because it is being terminated'),
        })
        expect(await get(namespace, '', 'Namespace')).not.toBeNull()
        await release('held', namespace)
        // Its controller may be looking away for some seconds.
        await until('the namespace to go', async () => !(await get(namespace, '', 'Namespace')), { limitMs: 60_000 })
      })
    })

    describe('list', () => {
      test('selects by labels as the API server does', async () => {
        const namespace = fresh('labels')
        await create(namespaceNamed(namespace))
        await create(workspace({ name: 'a', namespace, labels: { tier: 'web', env: 'prod' } }))
        await create(workspace({ name: 'b', namespace, labels: { tier: 'db', size: '5' } }))
        await create(workspace({ name: 'c', namespace }))
        const selected = async (labelSelector: string) => names((await cluster().list('Workspace', { namespace, labelSelector })).items)
        expect(await selected('')).toEqual(['a', 'b', 'c'])
        expect(await selected('tier=web')).toEqual(['a'])
        expect(await selected('tier!=web')).toEqual(['b', 'c'])
        expect(await selected('tier in (web, db)')).toEqual(['a', 'b'])
        expect(await selected('tier notin (web)')).toEqual(['b', 'c'])
        expect(await selected('tier,!size')).toEqual(['a'])
        expect(await selected('tier,env==prod')).toEqual(['a'])
        expect(await selected('size>4')).toEqual(['b'])
        expect(await refusal(selected('tier in web'))).toMatchObject({
          reason: 'BadRequest',
          message: expect.stringContaining('unable to parse requirement'),
        })
      })

      test('selects by the fields that a kind offers', async () => {
        const namespace = fresh('fields')
        await create(namespaceNamed(namespace))
        await create(workspace({ name: 'a', namespace }))
        await create(workspace({ name: 'b', namespace }, { owner: 'bea' }))
        const selected = async (fieldSelector: string) => names((await cluster().list('Workspace', { namespace, fieldSelector })).items)
        expect(await selected('metadata.name=b')).toEqual(['b'])
        expect(await selected('metadata.name!=b')).toEqual(['a'])
        expect(await selected('spec.owner=bea')).toEqual(['b'])
        expect(await selected('spec.owner=bea,metadata.name=a')).toEqual([])
        expect(await said(selected('spec.power=Auto'))).toMatchObject({
          code: 400,
          message: expect.stringContaining('field label not supported: spec.power'),
        })
      })

      test('comes in pages that lose and repeat nothing', async () => {
        const namespace = fresh('pages')
        await create(namespaceNamed(namespace))
        const made = ['a', 'b', 'c', 'd', 'e']
        for (const name of made) await create(workspace({ name, namespace }))
        const first = await cluster().list('Workspace', { namespace, limit: 2 })
        expect({ names: names(first.items), remaining: first.remaining }).toEqual({ names: ['a', 'b'], remaining: 3 })
        const second = await cluster().list('Workspace', { namespace, limit: 2, continue: first.continue ?? '' })
        const third = await cluster().list('Workspace', { namespace, limit: 2, continue: second.continue ?? '' })
        expect([...first.items, ...second.items, ...third.items].map(({ metadata }) => metadata.name)).toEqual(made)
        expect([third.continue, second.resourceVersion, third.resourceVersion]).toEqual([
          undefined,
          first.resourceVersion,
          first.resourceVersion,
        ])
        expect((await cluster().list('Workspace', { namespace, limit: 5 })).continue).toBeUndefined()
        await create(workspace({ name: 'bb', namespace }))
        const at = first.resourceVersion
        const then = await cluster().list('Workspace', { namespace, limit: 3, at })
        const rest = await cluster().list('Workspace', { namespace, limit: 3, at, continue: then.continue ?? '' })
        expect([...then.items, ...rest.items].map(({ metadata }) => metadata.name)).toEqual(made)
        expect([then.resourceVersion, rest.resourceVersion]).toEqual([at, at])
        expect(await refusal(cluster().list('Workspace', { namespace, limit: 2, continue: 'nonsense' }))).toMatchObject({
          reason: 'BadRequest',
        })
      })

      test('of a kind nobody knows is refused', async () => {
        expect(await refusal(cluster().list('Unicorn'))).toMatchObject({ reason: 'NotFound' })
      })
    })

    describe('watch', () => {
      test('begins with what there is when no version is given', async () => {
        const namespace = fresh('watch')
        await create(namespaceNamed(namespace))
        await create(workspace({ name: 'before', namespace }))
        const watch = watching(cluster(), 'Workspace', { namespace })
        await watch.seen(1)
        await create(workspace({ name: 'after', namespace }))
        expect(await watch.seen(2)).toEqual(['ADDED before', 'ADDED after'])
        await watch.end()
      })

      test('says where what there is ends, or leaves it out, as it is asked', async () => {
        const namespace = fresh('watch')
        await create(namespaceNamed(namespace))
        await create(workspace({ name: 'before', namespace }))
        const all = watching(cluster(), 'Workspace', { namespace, initialEvents: true, bookmarks: true })
        const later = watching(cluster(), 'Workspace', { namespace, initialEvents: false })
        await until('the end of what there is', () => all.changes.some((change) => change.type === 'BOOKMARK'))
        expect(all.changes.map(({ type }) => type)).toEqual(['ADDED', 'BOOKMARK'])
        expect(all.changes.at(-1)).toMatchObject({ endsInitialEvents: true, resourceVersion: expect.stringMatching(/^\d+$/) })
        // A later watch begins some moment after it was asked for, and no sooner.
        await until('a change to be seen', async () => {
          await create(workspace({ generateName: 'after-', namespace }))
          return later.shown().length > 0
        })
        expect(later.shown().filter((line) => !line.startsWith('ADDED after-'))).toEqual([])
        await Promise.all([all.end(), later.end()])
      })

      test('goes on from a version without losing or repeating anything', async () => {
        const namespace = fresh('watch')
        await create(namespaceNamed(namespace))
        const { resourceVersion } = await cluster().list('Workspace', { namespace })
        await create(workspace({ name: 'one', namespace }))
        await cluster().patch('Workspace', namespace, 'one', { spec: { power: 'Stopped' } }, ada)
        const first = watching(cluster(), 'Workspace', { namespace, from: resourceVersion })
        await first.seen(2)
        await first.end()
        const last = first.changes.at(-1)
        await cluster().delete('Workspace', namespace, 'one', ada)
        const from = last && last.type !== 'BOOKMARK' ? last.object.metadata.resourceVersion : ''
        const second = watching(cluster(), 'Workspace', { namespace, from })
        await second.seen(1)
        await second.end()
        expect([...first.shown(), ...second.shown()]).toEqual(['ADDED one', 'MODIFIED one', 'DELETED one'])
        const versions = [...first.changes, ...second.changes].flatMap((change) =>
          change.type === 'BOOKMARK' ? [] : [Number(change.object.metadata.resourceVersion)],
        )
        expect(versions).toEqual(versions.toSorted((a, b) => a - b))
        expect(new Set(versions).size).toBe(3)
      })

      test('shows objects entering and leaving a selection', async () => {
        const namespace = fresh('watch')
        await create(namespaceNamed(namespace))
        const { resourceVersion } = await cluster().list('Workspace', { namespace })
        const watch = watching(cluster(), 'Workspace', { namespace, from: resourceVersion, labelSelector: 'in=yes' })
        await create(workspace({ name: 'mover', namespace }))
        const label = (value: string | null) =>
          cluster().patch('Workspace', namespace, 'mover', { metadata: { labels: { in: value } } }, ada)
        await label('yes')
        await cluster().patch('Workspace', namespace, 'mover', { spec: { power: 'Stopped' } }, ada)
        await label(null)
        await label('no')
        await label('yes')
        await cluster().delete('Workspace', namespace, 'mover', ada)
        expect(await watch.seen(5)).toEqual(['ADDED mover', 'MODIFIED mover', 'DELETED mover', 'ADDED mover', 'DELETED mover'])
        await watch.end()
      })

      test('shows the end of a selected object, whatever its last write changed', async () => {
        const namespace = fresh('watch')
        await create(namespaceNamed(namespace))
        await create(workspace({ name: 'ending', namespace, labels: { in: 'yes' }, finalizers: ['bothy.dev/destroy'] }))
        const watch = watching(cluster(), 'Workspace', { namespace, labelSelector: 'in=yes' })
        await watch.seen(1)
        await cluster().delete('Workspace', namespace, 'ending', ada)
        await cluster().patch('Workspace', namespace, 'ending', { metadata: { labels: null, finalizers: null } }, ada)
        expect(await watch.seen(3)).toEqual(['ADDED ending', 'MODIFIED ending', 'DELETED ending'])
        await watch.end()
      })

      test('with a wrong version or selector is refused', async () => {
        const ended = new AbortController()
        const begun = async (options: Parameters<Cluster['watch']>[1]) => {
          for await (const _ of cluster().watch('Workspace', options, ended.signal)) break
        }
        expect(await refusal(begun({ from: 'yesterday' }))).toMatchObject({ reason: 'BadRequest' })
        expect(await refusal(begun({ labelSelector: 'a in b' }))).toMatchObject({ reason: 'BadRequest' })
      })

      test('ends at once when it is told to', async () => {
        await create(workspace({ generateName: 'there-' }))
        const watch = watching(cluster(), 'Workspace', {})
        await until('it to have begun', () => watch.changes.length > 0)
        await watch.end()
      })
    })

    describe('one declarer an object', () => {
      test('applying creates, changes what differs, and is idle when nothing does', async () => {
        await declare(workspace({ name: 'app' }, { parameters: { a: '1' } }), folder)
        const first = await completed('app')
        expect(await declare(workspace({ name: 'app' }, { parameters: { a: '1' } }), folder)).toEqual(first)
        const second = await declare(workspace({ name: 'app' }, { power: 'Stopped' }), folder)
        expect(specOf(second)).toMatchObject({ power: 'Stopped' })
        expect(specOf(second)['parameters'] ?? {}).toEqual({})
        expect(second.metadata).toMatchObject({ uid: first.metadata.uid, generation: 2 })
      })

      test('what a declarer leaves out goes, what others put stays', async () => {
        await declare(workspace({ name: 'app2', labels: { mine: '1', alsoMine: '1' } }), folder)
        await cluster().patch(
          'Workspace',
          home(),
          'app2',
          { metadata: { labels: { yours: '1' }, annotations: { 'bothy.dev/paused': 'true' } } },
          ada,
        )
        await cluster().patchStatus('Workspace', home(), 'app2', { status: { state: 'Running' } }, controller)
        const next = await declare(workspace({ name: 'app2', labels: { mine: '2' } }), folder)
        expect(next.metadata.labels).toEqual({ mine: '2', yours: '1' })
        expect(next.metadata.annotations).toEqual({ ...declaredBy(folder), 'bothy.dev/paused': 'true' })
        expect(next.status).toEqual({ ...UNSEEN, state: 'Running' })
      })

      test('finalizers that others added survive being applied', async () => {
        await declare(workspace({ name: 'app3' }), folder)
        await cluster().patch('Workspace', home(), 'app3', { metadata: { finalizers: ['bothy.dev/destroy'] } }, controller)
        const next = await declare(workspace({ name: 'app3' }, { power: 'Stopped' }), folder)
        expect(next.metadata.finalizers).toEqual(['bothy.dev/destroy'])
      })

      test('a person may not change a declared spec, and is told which file to edit', async () => {
        const made = await declare(workspace({ name: 'app4' }), folder)
        const refused = await refusal(cluster().patch('Workspace', home(), 'app4', { spec: { power: 'Stopped' } }, ada))
        expect(refused).toMatchObject({ reason: 'Forbidden', code: 403 })
        expect(refused.message).toContain('dev.yaml:3 of folder:/srv/declared')
        expect(refused.message).toContain('bothy adopt workspace/app4')
        expect(await refusal(cluster().apply(workspace({ name: 'app4' }, { power: 'Stopped' }), ada))).toMatchObject({
          reason: 'Forbidden',
        })
        const replaced = workspace({ name: 'app4', resourceVersion: made.metadata.resourceVersion }, { power: 'Stopped' })
        expect(await refusal(cluster().replace(replaced, ada))).toMatchObject({ reason: 'Forbidden' })
        expect(await get('app4')).toEqual(made)
      })

      test('labels and annotations of their own stay free for anybody, the marks of the source do not', async () => {
        await declare(workspace({ name: 'app5' }), folder)
        const free = { 'bothy.dev/reconcile': '1', 'bothy.dev/paused': 'true', 'bothy.dev/abandon': 'true', 'example.com/note': 'x' }
        expect((await mark({ labels: { team: 'a' }, annotations: free })).metadata.annotations).toMatchObject(free)
        expect(await refusal(mark({ annotations: { 'bothy.dev/source-digest': 'sha256:1' } }))).toMatchObject({ reason: 'Forbidden' })
        expect(await refusal(mark({ annotations: { 'bothy.dev/else': '1' } }))).toMatchObject({ reason: 'Forbidden' })
        expect(await refusal(mark({ annotations: declaredBy(otherFolder) }))).toMatchObject({ reason: 'Forbidden' })
        expect(await refusal(create(workspace({ name: 'forged', annotations: declaredBy(folder) })))).toMatchObject({ reason: 'Forbidden' })
      })

      test('a second source is told who keeps the object, and changes nothing', async () => {
        const made = await declare(workspace({ name: 'app6' }), folder, 'first.yaml')
        const refused = await refusal(declare(workspace({ name: 'app6' }, { power: 'Stopped' }), otherFolder, 'second.yaml'))
        expect(refused).toMatchObject({
          reason: 'Conflict',
          message: expect.stringContaining('declared by first.yaml:3 of folder:/srv/declared'),
        })
        expect(await get('app6')).toEqual(made)
      })

      test('a second source may neither patch nor delete it', async () => {
        const made = await declare(workspace({ name: 'app10' }), folder)
        const patch = { metadata: { annotations: { 'bothy.dev/source-error': 'second.yaml:1:1: wrong' } } }
        expect(await refusal(cluster().patch('Workspace', home(), 'app10', patch, otherFolder))).toMatchObject({ reason: 'Conflict' })
        expect(await refusal(cluster().delete('Workspace', home(), 'app10', otherFolder))).toMatchObject({ reason: 'Conflict' })
        expect(await get('app10')).toEqual(made)
        await cluster().delete('Workspace', home(), 'app10', folder)
        expect(await get('app10')).toBeNull()
      })

      test('what nobody declares may be taken by the first file that does', async () => {
        const made = await create(workspace({ name: 'app7' }))
        const taken = await declare(workspace({ name: 'app7' }, { power: 'Stopped' }), folder)
        expect(taken.metadata).toMatchObject({ uid: made.metadata.uid, annotations: declaredBy(folder) })
      })

      test('taking the mark off adopts it: from then on it is kept by hand', async () => {
        await declare(workspace({ name: 'app8', annotations: { 'bothy.dev/source-digest': 'sha256:1' } }), folder)
        const adopted = await cluster().patch(
          'Workspace',
          home(),
          'app8',
          { metadata: { annotations: { 'bothy.dev/declared-by': null } } },
          ada,
        )
        expect(adopted.metadata.annotations).toBeUndefined()
        expect(specOf(await cluster().patch('Workspace', home(), 'app8', { spec: { power: 'Stopped' } }, ada))).toMatchObject({
          power: 'Stopped',
        })
      })

      test('what was adopted is left alone by its file, which is told so, until the mark goes', async () => {
        await declare(workspace({ name: 'app11' }), folder)
        const annotations = { 'bothy.dev/declared-by': null, 'bothy.dev/adopted': 'true' }
        const adopted = await cluster().patch('Workspace', home(), 'app11', { metadata: { annotations } }, ada)
        expect(adopted.metadata.annotations).toEqual({ 'bothy.dev/adopted': 'true' })
        const told = { reason: 'Conflict', message: expect.stringContaining('`bothy adopt workspace/app11 --undo`') }
        expect(await refusal(declare(workspace({ name: 'app11' }, { power: 'Stopped' }), folder))).toMatchObject(told)
        expect(await refusal(cluster().delete('Workspace', home(), 'app11', folder))).toMatchObject(told)
        expect(await get('app11')).toEqual(adopted)
        await cluster().patch('Workspace', home(), 'app11', { metadata: { annotations: { 'bothy.dev/adopted': null } } }, ada)
        const taken = await declare(workspace({ name: 'app11' }, { power: 'Stopped' }), folder)
        expect(taken.metadata.annotations).toEqual(declaredBy(folder))
      })

      test('the mark of adoption is not put on what a file declares', async () => {
        await declare(workspace({ name: 'app12' }), folder)
        const patch = { metadata: { annotations: { 'bothy.dev/adopted': 'true' } } }
        expect(await refusal(cluster().patch('Workspace', home(), 'app12', patch, ada))).toMatchObject({ reason: 'Forbidden' })
      })

      test('a trial of it writes nothing', async () => {
        await cluster().apply(workspace({ name: 'app9' }), ada, { dryRun: true })
        expect(await get('app9')).toBeNull()
      })
    })

    describe('events', () => {
      test('are objects that can be listed and watched', async () => {
        const watch = watching(cluster(), 'Event', { namespace: home(), fieldSelector: 'regarding.name=happy' })
        await happened('happy', 'It runs.')
        await watch.seen(1)
        await watch.end()
        expect(await about('happy')).toEqual([
          expect.objectContaining({
            apiVersion: 'events.k8s.io/v1',
            kind: 'Event',
            type: 'Normal',
            reason: 'Started',
            action: 'Start',
            note: 'It runs.',
            regarding: expect.objectContaining({
              apiVersion: 'bothy.dev/v1alpha1',
              kind: 'Workspace',
              namespace: home(),
              name: 'happy',
            }),
          }),
        ])
      })

      test('the same one again is counted, not added', async () => {
        const regarding = { kind: 'Workspace', namespace: home(), name: 'again', uid: newUid() }
        for (let i = 0; i < 3; i += 1)
          await cluster().emit({ regarding, type: 'Warning', reason: 'BuildFailed', action: 'Build', note: 'It failed.' })
        const events = await about('again')
        expect(events.map((event) => event.series?.count)).toEqual([3])
      })

      test('too many about one object are dropped', async () => {
        const regarding = { kind: 'Workspace', namespace: home(), name: 'noisy', uid: newUid() }
        for (let i = 0; i < 40; i += 1)
          await cluster().emit({ regarding, type: 'Normal', reason: 'Started', action: 'Start', note: `Note ${i}.` })
        expect((await about('noisy')).length).toBe(25)
      })
    })

    describe('a Secret', () => {
      test('shows its values to who asks for it by name, and its keys to everybody else', async () => {
        const name = fresh('secret')
        const draft = { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: home() }, data: { token: 'czNjcjN0' } }
        const watch = watching(cluster(), 'Secret', { namespace: home(), fieldSelector: `metadata.name=${name}` })
        const made = await create(draft)
        await watch.seen(1)
        await watch.end()
        const { items } = await cluster().list('Secret', { namespace: home() })
        expect((await get(name, home(), 'Secret'))?.data).toEqual({ token: 'czNjcjN0' })
        expect(made.data).toEqual({ token: '' })
        expect(items.find(({ metadata }) => metadata.name === name)?.data).toEqual({ token: '' })
        expect(JSON.stringify(watch.changes)).not.toContain('czNjcjN0')
      })
    })

    describe('the cache', () => {
      test('shows what there is, then every change, and tells after it shows', async () => {
        const namespace = fresh('cache')
        await create(namespaceNamed(namespace))
        const first = await create(workspace({ name: 'first', namespace }))
        const ended = new AbortController()
        const cache = createCache({ cluster: cluster(), clock: systemClock, log: silentLog }, ['Workspace', 'Namespace'])
        const told: string[] = []
        cache.onChange((key, object, type) => {
          if (!key.startsWith(`Workspace/${namespace}/`)) return
          const shown = cache.get('Workspace', namespace, object.metadata.name)
          told.push(`${type} ${key} ${shown === object || (type === 'DELETED' && shown === undefined)}`)
        })
        await cache.start(ended.signal)
        expect(cache.get('Workspace', namespace, 'first')).toEqual(first)
        expect(cache.get('Namespace', '', namespace)).toBeDefined()
        await create(workspace({ name: 'second', namespace }))
        await cluster().patch('Workspace', namespace, 'first', { spec: { power: 'Stopped' } }, ada)
        await cluster().delete('Workspace', namespace, 'first', ada)
        await until('all to be told', () => told.length >= 4)
        expect(told).toEqual(
          ['ADDED first true', 'ADDED second true', 'MODIFIED first true', 'DELETED first true'].map((line) =>
            line.replace(/ (\w+) true/, ` Workspace/${namespace}/$1 true`),
          ),
        )
        expect(names(cache.list('Workspace', namespace))).toEqual(['second'])
        ended.abort()
      })

      test('finds by an index what has its key now, and nothing that had it before', async () => {
        const namespace = fresh('cache')
        await create(namespaceNamed(namespace))
        const of = (name: string, team: string) => create(workspace({ name, namespace, labels: { team } }))
        await of('one', 'red')
        await of('two', 'red')
        const ended = new AbortController()
        const keys = {
          team: ({ metadata }: Resource) => metadata.labels?.['team'] ?? null,
          broken(): string {
            throw new Error('it has no place')
          },
        }
        const cache = createCache({ cluster: cluster(), clock: systemClock, log: silentLog }, ['Workspace'], { Workspace: keys })
        expect(cache.unread()).toBe('Workspace could not be read yet')
        await cache.start(ended.signal)
        expect(cache.unread()).toBeNull()
        const found = (team: string) =>
          names(cache.by('Workspace', 'team', team).filter(({ metadata }) => metadata.namespace === namespace))
        expect([found('red').toSorted(), found('blue')]).toEqual([['one', 'two'], []])
        await of('three', 'blue')
        await cluster().patch('Workspace', namespace, 'one', { metadata: { labels: { team: 'blue' } } }, ada)
        await cluster().delete('Workspace', namespace, 'two', ada)
        await until('the changes to be seen', () => found('blue').length === 2 && found('red').length === 0)
        await cluster().patch('Workspace', namespace, 'one', { metadata: { labels: { team: null } } }, ada)
        await until('it to have no key', () => found('blue').length === 1)
        expect(found('blue')).toEqual(['three'])
        ended.abort()
      })

      test('goes on when somebody who listens throws, and keeps nothing that kubectl notes for itself', async () => {
        const namespace = fresh('cache')
        await create(namespaceNamed(namespace))
        const ended = new AbortController()
        const cache = createCache({ cluster: cluster(), clock: systemClock, log: silentLog }, ['Workspace'])
        const told: string[] = []
        cache.onChange(() => {
          throw new Error('deaf')
        })
        cache.onChange((_key, { metadata }) => metadata.namespace === namespace && told.push(metadata.name))
        await cache.start(ended.signal)
        const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': '{}', 'example.com/note': 'x' }
        for (const name of ['one', 'two']) await create(workspace({ name, namespace, annotations }))
        await until('both to be told', () => told.length === 2)
        expect(cache.get('Workspace', namespace, 'two')?.metadata.annotations).toEqual({ 'example.com/note': 'x' })
        expect((await get('two', namespace))?.metadata.annotations).toEqual(annotations)
        ended.abort()
      })
    })
  })
}
