import { describe, expect, test } from 'vitest'
import { DECLARED_BY } from '../../controller/cluster/declared.ts'
import { readSecret } from '../../controller/cluster/secrets.ts'
import { until } from '../support/until.ts'
import { withPlane } from './plane.ts'

/** Kubernetes' own kinds with the real kubectl, as people type them. */

const plane = await withPlane()

const said = async (args: string, input = ''): Promise<string> => {
  // With a line before it, what begins with a brace is YAML too.
  const { code, stdout, stderr } = await plane.kubectl(args, `---\n${input}`)
  return [stdout, ...(stderr === '' ? [] : [`! ${stderr}`]), ...(code === 0 ? [] : [`exit ${code}`])].join('').trim()
}

const VALUE = 'correct-horse-battery'
const IN_BASE64 = Buffer.from(VALUE).toString('base64')

const valueOf = async (name: string, key: string): Promise<string | undefined> =>
  (await readSecret(plane.cluster, 'default', name))?.get(key)?.toString()

const manifest = (token: string) => `{apiVersion: v1, kind: Secret, metadata: {name: cloud}, stringData: {token: ${token}, other: x}}`

const fixed = (value: string) => `{apiVersion: v1, kind: Secret, metadata: {name: fixed}, immutable: true, stringData: {a: "${value}"}}`

describe('secrets', () => {
  test('are made by create, and show their keys alone', async () => {
    expect(await said(`create secret generic typed --from-literal=token=${VALUE}`)).toBe('secret/typed created')
    expect(await valueOf('typed', 'token')).toBe(VALUE)
    expect(await said('get secret typed -o jsonpath={.data}')).toBe('{"token":""}')
    expect(await said('get secrets')).toMatch(/^NAME +TYPE +DATA +AGE\ntyped +Opaque +1 +\d+s$/)
    expect(await said('describe secret typed')).toMatch(/Type: +Opaque\n\nData\n====\ntoken: +0 bytes$/)
  })

  test('are applied, also again, and keep what was not said anew', async () => {
    expect(await said('apply -f -', manifest(VALUE))).toBe('secret/cloud created')
    expect(await said('apply -f -', manifest('another'))).toBe('secret/cloud configured')
    expect([await valueOf('cloud', 'token'), await valueOf('cloud', 'other')]).toEqual(['another', 'x'])
    const version = await said('get secret cloud -o jsonpath={.metadata.resourceVersion}')
    expect(await said('apply -f -', manifest('another'))).toBe('secret/cloud configured')
    expect(await said('get secret cloud -o jsonpath={.metadata.resourceVersion}')).toBe(version)
    const less = '{apiVersion: v1, kind: Secret, metadata: {name: cloud}, stringData: {other: new}}'
    expect(await said('apply -f -', less)).toBe('secret/cloud configured')
    expect([await valueOf('cloud', 'token'), await valueOf('cloud', 'other')]).toEqual(['another', 'new'])
  })

  test('survive being read and written again by those who saw nothing', async () => {
    await said(`create secret generic kept --from-literal=a=${VALUE} --from-literal=b=2`)
    const { stdout } = await plane.kubectl('get secret kept -o yaml')
    expect(await said('replace -f -', stdout.replace('name: kept', 'name: kept\n  labels: {team: a}'))).toBe('secret/kept replaced')
    expect(await said('label secret kept team=b --overwrite')).toBe('secret/kept labeled')
    expect(await said('patch secret kept -p {"stringData":{"b":"3"}}')).toBe('secret/kept patched')
    expect([await valueOf('kept', 'a'), await valueOf('kept', 'b')]).toEqual([VALUE, '3'])
    expect(await said('patch secret kept -p {"data":{"a":null}}')).toBe('secret/kept patched')
    expect(await said('get secret kept -o jsonpath={.data}')).toBe('{"b":""}')
  })

  test('are found in no row, change, answer or line of the log', async () => {
    await said(`create secret generic hidden --from-literal=token=${VALUE}`)
    await said('apply -f -', manifest(VALUE))
    await said('annotate secret hidden note=seen')
    await said('patch secret hidden --type=json -p [{"op":"add","path":"/metadata/annotations/a","value":""}]')
    await said('patch secret hidden --type=json -p [{"op":"copy","from":"/data/token","path":"/metadata/annotations/copied"}]')
    await said('delete secret hidden')
    const rows = await plane.db.query<{ text: string }>(
      `select body::text as text from objects union all select body::text from object_changes
        union all select detail::text from audit union all select encode(sealed, 'escape') from objects where sealed is not null`,
    )
    expect(rows.length).toBeGreaterThan(5)
    const everything = [...rows.map(({ text }) => text), plane.logged()].join('\n')
    expect(['cloud', VALUE, IN_BASE64].map((text) => everything.includes(text))).toEqual([true, false, false])
    const listed = await said('get --raw /api/v1/secrets')
    expect(listed).not.toContain(IN_BASE64)
    expect(await said('get secret -A -o yaml')).not.toContain(IN_BASE64)
  })

  test('that are immutable stay as they are, and a type is for ever', async () => {
    expect(await said('apply -f -', fixed('1'))).toBe('secret/fixed created')
    expect(await said('apply -f -', fixed('2'))).toContain('field is immutable when `immutable` is set')
    expect(await valueOf('fixed', 'a')).toBe('1')
    await said('create secret generic plain --from-literal=a=1')
    expect(await said('patch secret plain --type=merge -p {"type":"other"}')).toContain('field is immutable')
  })

  test('that are too large, or no base64, are refused', async () => {
    const large = `{apiVersion: v1, kind: Secret, metadata: {name: large}, stringData: {a: ${'x'.repeat(1024 * 1024 + 1)}}}`
    expect(await said('create -f -', large)).toContain('Too long')
    expect(await said('create -f -', '{apiVersion: v1, kind: Secret, metadata: {name: odd}, data: {a: "***"}}')).toContain('exit 1')
    expect(await readSecret(plane.cluster, 'default', 'large')).toBeNull()
  })
})

test('config maps are made, shown, patched and edited', async () => {
  expect(await said('create configmap files --from-literal=main.tf=one --from-literal=b=2')).toBe('configmap/files created')
  expect(await said('get cm')).toMatch(/^NAME +DATA +AGE\nfiles +2 +\d+s$/)
  expect(await said('patch cm files -p {"data":{"b":null,"c":"3"}}')).toBe('configmap/files patched')
  expect(await said('get cm files -o jsonpath={.data}')).toBe('{"c":"3","main.tf":"one"}')
  expect(await said('delete cm files')).toBe('configmap "files" deleted')
})

test('a namespace is made, holds what is in it, and takes it along', async () => {
  expect(await said('create namespace team-a')).toBe('namespace/team-a created')
  expect(await said('get ns')).toMatch(/^NAME +STATUS +AGE\ndefault +Active +[\dms]+\nteam-a +Active +\d+s$/)
  const held = '{apiVersion: v1, kind: ConfigMap, metadata: {name: held, namespace: team-a, finalizers: [bothy.dev/test]}}'
  expect(await said('apply -f -', held)).toBe('configmap/held created')
  const regarding = { kind: 'ConfigMap', namespace: 'team-a', name: 'held' }
  await plane.cluster.emit({ regarding, type: 'Normal', reason: 'Held', action: 'Hold', note: 'It is held.' })
  await plane.cluster.emit({ regarding, type: 'Normal', reason: 'Seen', action: 'Look', note: 'It was seen.' })
  expect(await said('get events -n team-a -o name')).toMatch(/^event\/held\.\w+\nevent\/held\.\w+$/)
  expect(await said('delete ns team-a --wait=false')).toBe('namespace "team-a" deleted')
  expect(await said('get ns team-a -o jsonpath={.status.phase}')).toBe('Terminating')
  expect(await said('create cm late -n team-a')).toContain('because it is being terminated')
  await until(
    'what is in it to be marked',
    async () => (await said('get cm held -n team-a -o jsonpath={.metadata.deletionTimestamp}')) !== '',
  )
  expect(await said('patch cm held -n team-a -p {"metadata":{"$deleteFromPrimitiveList/finalizers":["bothy.dev/test"]}}')).toBe(
    'configmap/held patched',
  )
  await until('it to be gone', async () => (await said('get ns team-a')).includes('not found'))
  expect(await said('get events -n team-a')).toContain('No resources found in team-a namespace.')
  expect(await said('delete ns default')).toContain('this namespace may not be deleted')
})

test('what a file declares is changed there, whatever part of it that is', async () => {
  const mark = { source: 'folder:/declared', path: 'team.yaml', line: 7, revision: 'sha256:0' }
  const metadata = (name: string) => ({ name, annotations: { [DECLARED_BY]: JSON.stringify(mark) } })
  const folder = { manager: 'bothy-folder', user: 'ada', declarer: 'folder:/declared' }
  for (const kind of ['ConfigMap', 'Secret']) {
    const draft = { apiVersion: 'v1', kind, metadata: metadata('team'), data: { a: 'MQ==' } }
    await plane.cluster.apply(draft, folder)
  }
  for (const kind of ['configmap', 'secret']) {
    const patched = await said(`patch ${kind} team -p {"data":{"a":"Mg=="}}`)
    expect(patched).toContain(`${kind}s "team" is forbidden: its data is declared by team.yaml:7 of folder:/declared: edit that file`)
    expect(await said(`label ${kind} team a=b`)).toBe(`${kind}/team labeled`)
    const warning = 'it is declared by team.yaml:7 of folder:/declared: it is made anew unless you remove it there'
    expect(await said(`delete ${kind} team`)).toBe(`${kind} "team" deleted\n! Warning: ${warning}`)
  }
})

test('who asks, and what they may', async () => {
  expect(await said('auth whoami -o jsonpath={.status.userInfo.username}')).toBe('ada')
  expect(await said('auth can-i create workspaces.bothy.dev')).toBe('yes')
  expect(await said('auth can-i --list')).toMatch(/^secrets +\[\] +\[\] +\[.*create.*\]$/m)
})

test('what is not there without a cluster is said in a sentence', async () => {
  const workspace = '{apiVersion: bothy.dev/v1alpha1, kind: Workspace, metadata: {name: dev}, spec: {template: {name: node}}}'
  expect(await said('apply --server-side -f -', workspace)).toContain('Server-side apply not available')
  expect(await said('apply -f -', workspace)).toBe('workspace.bothy.dev/dev created')
  expect(await said('patch ws dev -p {"spec":{"power":"Stopped"}}')).toContain('accepted media types include')
  expect(await said('get pods')).toContain(`the server doesn't have a resource type "pods"`)
  expect(await said('version')).toMatch(/Server Version: v1\.32\.0\+bothy-/)
})

test('events are told in both shapes', async () => {
  const regarding = { kind: 'Workspace', namespace: 'default', name: 'told' }
  await plane.cluster.emit({ regarding, type: 'Normal', reason: 'Started', action: 'Build', note: 'It runs.' })
  const about = '--field-selector involvedObject.name=told'
  expect(await said(`get events ${about}`)).toMatch(
    /^LAST SEEN +TYPE +REASON +OBJECT +MESSAGE\n\d+s +Normal +Started +workspace\/told +It runs\.$/,
  )
  expect(await said(`get events ${about} -o wide`)).toMatch(
    /SUBOBJECT +SOURCE +MESSAGE +FIRST SEEN +COUNT +NAME\n.*bothy\.dev\/controller, bothy/,
  )
  expect(await said('get events.events.k8s.io --field-selector regarding.name=told -o jsonpath={.items[*].note}')).toBe('It runs.')
  expect(await said('events --for workspace/told')).toMatch(/Normal +Started +Workspace\/told +It runs\.$/)
})
