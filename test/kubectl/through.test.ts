import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { FRAME, jsonFrame } from '../../agent/protocol.ts'
import { objects } from '../controller/objects.ts'
import { openWorld } from '../controller/world.ts'
import { root } from '../support/bothy.ts'
import { rootfs } from '../support/docker.ts'
import { noNode, theNode, type TestNode } from '../support/node.ts'
import { until } from '../support/until.ts'
import { openClusterHome, rightsOf, type ClusterHome, type Person } from './cluster-home.ts'
import {
  IMAGE,
  SYSTEM,
  URL_INSIDE,
  authority,
  serving,
  passingOn,
  service,
  published,
  namespaceOf,
  stillListed,
  bound,
  withApps,
} from './through-objects.ts'

/**
 * A control plane that has a name in its cluster alone, reached through the API server: a real kubelet, and a pod that answers
 * behind the service. What answers in it is a replica on this machine, to which the pod passes on whatever comes.
 */

const folder = mkdtempSync(join(tmpdir(), 'bothy-through-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe.skipIf(noNode !== null)('a control plane without an address outside of its cluster', () => {
  let node: TestNode
  let home: ClusterHome
  let front: string
  let ada: Person
  const shared = { BOTHY_KEY: randomBytes(32).toString('base64') }
  const known = authority('Who signs for the control plane')
  const { machine, workspace } = objects('team')

  const addressKnown = () => home.apply(published(SYSTEM, { url: URL_INSIDE, 'ca.crt': known.ca }))
  /** Also as one of the service: that is written after the pod itself says so. */
  const ready = async (namespace: string, name: string) => {
    await home.must('-n', namespace, 'wait', '--for=condition=Ready', `pod/${name}`, '--timeout=180s')
    const slices = ['-n', namespace, 'get', 'endpointslices', '-l', 'kubernetes.io/service-name=bothy', '-o', 'json']
    await until(`the service to lead to ${name}`, async () => {
      const { items } = JSON.parse(await home.must(...slices)) as { items: readonly Slice[] }
      return items.some(({ endpoints }) => endpoints?.some(({ targetRef, conditions }) => targetRef?.name === name && conditions.ready))
    })
  }
  const somebody = async (name: string) => {
    const person = await home.person(name, 'team')
    await home.apply(...rightsOf(name, 'team', 'view', 'bothy-view', 'bothy-edit'))
    return person
  }

  beforeAll(async () => {
    node = await theNode({ images: [{ name: IMAGE, layer: rootfs(tmpdir(), { glibc: false }) }] })
    const { certificate, key } = known.server('bothy.bothy-system.svc')
    writeFileSync(join(folder, 'tls.crt'), certificate)
    writeFileSync(join(folder, 'tls.key'), key)
    // Agents, which are on this machine, dial the one replica; people come to the other.
    home = await openClusterHome({ cluster: node, env: shared })
    const tls = { BOTHY_TLS_CERT: join(folder, 'tls.crt'), BOTHY_TLS_KEY: join(folder, 'tls.key') }
    const inside = { ...shared, ...tls, BOTHY_HOST: node.host, BOTHY_HOSTS: 'bothy.bothy-system.svc' }
    front = (await openWorld(node, home.databaseUrl, inside).controller('front')).url
    await home.must('apply', '-f', join(root, 'deploy/base/people-roles.yaml'))
    await home.apply(namespaceOf('team'), service(SYSTEM))
    await home.apply(passingOn(SYSTEM, 'first', front), machine)
    ada = await somebody('ada')
    await home.apply(bound('ada', 'bothy-connect-through'))
    await addressKnown()
    await ready(SYSTEM, 'first')
    await home.apply(workspace('dev', 'machine', { owner: 'system:serviceaccount:team:ada' }))
    await home.must('wait', '--for=condition=Running', 'ws/dev', '-n', 'team', '--timeout=180s')
  }, 600_000)

  test('is entered by every way, as if it had one', { timeout: 240_000 }, async () => {
    expect((await ada.bothy(['version'])).stdout).toContain(`control plane: ${URL_INSIDE}, of context here, through its API server: 0.`)
    expect(await ada.kubectl(['bothy', 'exec', 'dev', '--', 'sh', '-c', 'echo in; exit 3'])).toMatchObject({ code: 3, stdout: 'in\n' })
    expect(await ada.kubectl(['bothy', 'ssh', 'dev', '--', 'echo', 'by ssh'])).toMatchObject({ code: 0, stdout: 'by ssh\n' })
    expect((await ada.bothy(['why', 'ws/dev'])).stdout).toMatch(/^workspace\/dev in team: /)
    const following = ada.begin(['logs', 'dev', '-f'])
    await until('the log to come', () => following.output().includes('bothy_process'))
    following.end()
    await following.done

    const bytes = randomBytes(12 * 1024 * 1024)
    writeFileSync(join(ada.home, 'there'), bytes)
    expect(await ada.bothy(['cp', 'there', 'dev:there'])).toMatchObject({ code: 0 })
    expect(await ada.bothy(['cp', 'dev:there', 'back'])).toMatchObject({ code: 0 })
    expect(sha256(readFileSync(join(ada.home, 'back')))).toBe(sha256(bytes))
    const summed = await ada.bothy(['exec', 'dev', '--', 'sha256sum'], { input: 'a line\n'.repeat(200_000) })
    expect(summed.stdout).toBe(`${sha256(Buffer.from('a line\n'.repeat(200_000)))}  -\n`)
  })

  test('shows its page to a browser here, which signs in and has a terminal', async () => {
    const opened = ada.begin(['open', 'dev'])
    const printed = await until('its address', () => /^http:\/\/127\.0\.0\.1:\d+\/\S*$/m.exec(opened.output())?.[0])
    const { origin, hash } = new URL(printed)
    expect(hash).toMatch(/^#ticket=[^&]+&namespace=team&workspace=team%2Fdev$/)
    const page = await fetch(printed)
    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('<title>')])
    const json = { 'content-type': 'application/json', origin }
    const ask = async (path: string, body: object, headers: object = {}) => {
      const answer = await fetch(origin + path, { method: 'POST', headers: { ...json, ...headers }, body: JSON.stringify(body) })
      return [answer.status, (await answer.json()) as { token: string; ticket: string }] as const
    }
    const ticket = new URLSearchParams(hash.slice(1)).get('ticket')
    const [status, { token }] = await ask('/bothy/v1/session', { ticket })
    expect(status).toBe(201)
    const authorization = `Bearer ${token}`
    const listed = await fetch(`${origin}/apis/bothy.dev/v1alpha1/namespaces/team/workspaces`, { headers: { authorization } })
    expect(await listed.json()).toMatchObject({ items: [{ metadata: { name: 'dev' } }] })
    // It lends nobody what it was opened with, and is no way in for pages of others.
    expect((await fetch(`${origin}/apis/bothy.dev/v1alpha1/namespaces/team/workspaces`)).status).toBe(401)
    expect((await ask('/bothy/v1/tickets', { for: 'page' }, { authorization, origin: 'https://elsewhere.example' }))[0]).toBe(403)

    const path = '/apis/bothy.dev/v1alpha1/namespaces/team/workspaces/dev/terminal'
    const [, shown] = await ask('/bothy/v1/tickets', { for: 'upgrade', path }, { authorization })
    const terminal = new WebSocket(`${origin.replace('http', 'ws')}${path}?ticket=${shown.ticket}`, { headers: { origin } })
    const size = { cols: 80, rows: 24 }
    terminal.on('open', () => {
      const argv = ['sh', '-c', 'echo by the terminal']
      terminal.send(jsonFrame(FRAME.start, { id: 'page', size, create: true, argv, cwd: null, env: {}, offset: null }))
    })
    let said = ''
    terminal.on('message', (data: Buffer) => (said += data.toString()))
    await until('the terminal to say something', () => said.includes('by the terminal'))
    terminal.terminate()
    const stranger = new WebSocket(`${origin.replace('http', 'ws')}${path}?ticket=none`, { headers: { origin } })
    expect(await new Promise((settle) => stranger.on('error', settle))).toMatchObject({ message: 'Unexpected server response: 401' })

    opened.end()
    expect(await opened.done).toBe(0)
    await expect(fetch(origin)).rejects.toThrow()

    // An address that only pods reach is of no use on paper either.
    const onPaper = ada.begin(['open', 'dev', '--print'])
    const copied = await until('its address', () => /^http:\/\/\S*#ticket=\S*$/m.exec(onPaper.output())?.[0])
    expect((await fetch(copied)).status).toBe(200)
    onPaper.end()
    expect(await onPaper.done).toBe(0)
  })

  test('says of an app which command leads a browser here to it', async () => {
    await home.apply(withApps, workspace('shows', 'with-apps', { owner: 'system:serviceaccount:team:ada' }))
    await home.must('wait', '--for=condition=Running', 'ws/shows', '-n', 'team', '--timeout=180s')
    const opened = openedBy(ada, 'shows')
    await until('its apps', async () => (await opened('web')).stderr.includes('port-forward'))
    for (const [args, said] of [
      [['web'], 'port-forward shows 9000 -n team, and open http://localhost:9000/start\n'],
      [['low'], 'port-forward shows 8443:443 -n team, and open https://localhost:8443/\n'],
      [['web', '--print'], 'port-forward shows 9000 -n team, and open http://localhost:9000/start\n'],
      [['--port', '8080'], 'port-forward shows 8080 -n team, and open http://localhost:8080/\n'],
    ] as const)
      expect(await opened(...args)).toMatchObject({ code: 5, stderr: expect.stringContaining(`lead it here: bothy ${said}`) })
    expect(await opened('docs')).toMatchObject({ code: 0, stdout: 'https://example.org/docs\n' })
    expect(await opened('docs', '--print')).toMatchObject({ code: 0, stdout: 'https://example.org/docs\n' })
    expect(await opened('none')).toMatchObject({ code: 3, stderr: expect.stringContaining('has no app none') })
  })

  test('leads ports there, also when its pod is replaced by another', { timeout: 240_000 }, async () => {
    const listen =
      'const s = require("net").createServer((c) => (console.log("asked"), c.end("hello"))); s.listen(0, "127.0.0.1", () => console.log(s.address().port))'
    const serving = ada.begin(['exec', 'dev', '--', process.execPath, '-e', listen])
    const there = await until('it to listen', () => /^(\d+)$/m.exec(serving.output())?.[1])
    const forward = ada.begin(['port-forward', 'dev', `:${there}`])
    const here = Number(await until('it to lead there', () => /127\.0\.0\.1:(\d+) leads/.exec(forward.output())?.[1]))
    expect(await Promise.all(Array.from({ length: 6 }, () => heard(here)))).toEqual(Array.from({ length: 6 }, () => 'hello'))
    const asked = () => serving.output().match(/asked/g)?.length
    await until('it to say so', () => asked() === 6)

    await home.apply(passingOn(SYSTEM, 'second', front))
    await ready(SYSTEM, 'second')
    await home.must('-n', SYSTEM, 'delete', 'pod', 'first', '--grace-period=0', '--force')
    await until('it to lead there again', async () => (await heard(here)) === 'hello', { everyMs: 200 })
    forward.end()
    expect(await forward.done).toBe(0)
    // The command's connection went with the pod, and was made again.
    await until('what the command said since', () => Number(asked()) > 6)
    serving.end()
    await serving.done
  })

  test('is entered without TLS too, where it is published so, as a trial is', async () => {
    const world = openWorld(node, home.databaseUrl, {
      ...shared,
      BOTHY_HOST: node.host,
      BOTHY_HOSTS: 'bothy.trial.svc',
      BOTHY_INSECURE: '1',
    })
    const { url } = await world.controller('plain')
    await home.apply(namespaceOf('trial'), service('trial'))
    await home.apply(passingOn('trial', 'plain', url), published('trial', { url: 'http://bothy.trial.svc:7080' }))
    await ready('trial', 'plain')
    const admin = await home.admin('team')
    const trial = { env: { BOTHY_SYSTEM_NAMESPACE: 'trial', BOTHY_SERVICE_ACCOUNT: 'ada' } }
    expect(await admin.bothy(['exec', 'dev', '--', 'echo', 'plainly'], trial)).toMatchObject({ code: 0, stdout: 'plainly\n' })
    expect(await admin.bothy(['ssh', 'dev', '--', 'echo', 'by ssh'], trial)).toMatchObject({ code: 0, stdout: 'by ssh\n' })
    writeFileSync(join(admin.home, 'there'), 'a file')
    expect(await admin.bothy(['cp', 'there', 'dev:plain'], trial)).toMatchObject({ code: 0 })
    expect(await admin.bothy(['cp', 'dev:plain', '-'], trial)).toMatchObject({ code: 0, stdout: 'a file' })
    expect((await admin.bothy(['version'], trial)).stdout).toContain('http://bothy.trial.svc:7080, of context here, through its API server')
  })

  test('which takes a connection and says nothing is not waited for without end', async () => {
    await home.apply(namespaceOf('silent'), service('silent'), published('silent', { url: 'http://bothy.silent.svc:7080' }))
    await home.apply(serving('silent', 'mute', '/bin/sleep', '1000'))
    await ready('silent', 'mute')
    const admin = await home.admin('team')
    const silent = await admin.bothy(['why', 'ws/dev'], { env: { BOTHY_SYSTEM_NAMESPACE: 'silent', BOTHY_SERVICE_ACCOUNT: 'ada' } })
    expect([silent.code, silent.stderr]).toEqual([5, expect.stringContaining('no answer within 10 s')])
  })

  test('whose pod has just gone is away, and not a thing that is not there', async () => {
    await home.apply(namespaceOf('late'), stillListed('late', 'gone'), published('late', { url: URL_INSIDE }))
    const admin = await home.admin('team')
    const late = { env: { BOTHY_SYSTEM_NAMESPACE: 'late', BOTHY_SERVICE_ACCOUNT: 'ada' } }
    for (const command of [
      ['exec', 'dev', '--', 'true'],
      ['cp', 'dev:there', 'here'],
    ]) {
      const { code, stderr } = await admin.bothy(command, late)
      expect([command, code, stderr]).toEqual([
        command,
        5,
        expect.stringMatching(/does not lead to the control plane\n.*pod late\/gone: pods "gone" not found\n.*try again/),
      ])
    }
  })

  test('is believed only by the certificate that its address stands for', async () => {
    await home.apply(published(SYSTEM, { url: URL_INSIDE, 'ca.crt': authority('Somebody else').ca }))
    const strange = await ada.bothy(['why', 'ws/dev'])
    expect([strange.code, strange.stderr]).toEqual([
      5,
      expect.stringMatching(/cannot be reached\n.*through its API server.*(certificate|trusted)/),
    ])
    await home.apply(published(SYSTEM, { url: 'https://another.bothy-system.svc:7080', 'ca.crt': known.ca }))
    const misnamed = await ada.bothy(['why', 'ws/dev'])
    expect([misnamed.code, misnamed.stderr]).toEqual([5, expect.stringContaining("does not match certificate's altnames")])
    await addressKnown()
  })

  test('is found by its service where it publishes nothing', async () => {
    await home.must('-n', SYSTEM, 'delete', 'configmap', 'bothy')
    writeFileSync(join(folder, 'ca.crt'), known.ca)
    const trusting = { env: { NODE_EXTRA_CA_CERTS: join(folder, 'ca.crt') } }
    expect(await ada.bothy(['exec', 'dev', '--', 'echo', 'found'], trusting)).toMatchObject({ code: 0, stdout: 'found\n' })
    await addressKnown()
  })

  test('who may not forward ports is told which right is missing, and what else there is', async () => {
    const eve = await somebody('eve')
    const blind = await eve.bothy(['why', 'ws/dev'])
    expect([blind.code, blind.stderr]).toEqual([
      4,
      expect.stringMatching(
        /list on endpointslices\.discovery\.k8s\.io in bothy-system\n[^]*Role bothy-connect-through in bothy-system.*--url/,
      ),
    ])
    await home.apply(
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'Role',
        metadata: { name: 'sees', namespace: SYSTEM },
        rules: [{ apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list'] }],
      },
      bound('eve', 'sees'),
    )
    for (const command of [
      ['why', 'ws/dev'],
      ['exec', 'dev', '--', 'true'],
      ['cp', 'dev:there', 'here'],
      ['ssh', '--stdio', 'dev'],
    ]) {
      const denied = await eve.bothy(command)
      expect([command, denied.code, denied.stderr]).toEqual([
        command,
        4,
        expect.stringContaining('get and create on pods/portforward in bothy-system'),
      ])
    }
  })

  test('says that no pod is ready, or that there is none, or where it would look', { timeout: 240_000 }, async () => {
    await home.must('-n', SYSTEM, 'exec', 'second', '--', '/bin/touch', '/tmp/unready')
    await home.must('-n', SYSTEM, 'wait', '--for=condition=Ready=false', 'pod/second', '--timeout=180s')
    const unready = await until('nothing to be ready', async () => {
      const { code, stderr } = await ada.bothy(['why', 'ws/dev'])
      return code === 5 ? stderr : null
    })
    expect(unready).toMatch(
      /^bothy: no pod of the control plane is ready\n.*service bothy-system\/bothy\n.*kubectl -n bothy-system get pods/,
    )
    await home.must('-n', SYSTEM, 'exec', 'second', '--', '/bin/rm', '/tmp/unready')
    await ready(SYSTEM, 'second')

    const admin = await home.admin('team')
    const elsewhere = { env: { BOTHY_SYSTEM_NAMESPACE: 'elsewhere', BOTHY_SERVICE_ACCOUNT: 'ada' } }
    const nothing = await admin.bothy(['why', 'ws/dev'], elsewhere)
    expect([nothing.code, nothing.stderr]).toEqual([
      5,
      expect.stringMatching(/^bothy: this cluster has no control plane\n.*there is no service elsewhere\/bothy\n.*BOTHY_SYSTEM_NAMESPACE/),
    ])
    await home.apply(namespaceOf('elsewhere'), published('elsewhere', { url: 'http://nobody-here:7080' }))
    const away = await admin.bothy(['why', 'ws/dev'], elsewhere)
    expect([away.code, away.stderr]).toEqual([
      5,
      expect.stringMatching(/nothing answers at http:\/\/nobody-here:7080\n.*no service elsewhere\/bothy\n.*see that it runs/),
    ])
    await home.apply(service('elsewhere'))
    await home.apply(passingOn('elsewhere', 'third', front), published('elsewhere', { url: URL_INSIDE, 'ca.crt': known.ca }))
    await ready('elsewhere', 'third')
    expect(await admin.bothy(['exec', 'dev', '--', 'echo', 'moved'], elsewhere)).toMatchObject({ code: 0, stdout: 'moved\n' })
  })
})

interface Slice {
  readonly endpoints:
    | readonly { readonly targetRef?: { readonly name: string }; readonly conditions: { readonly ready?: boolean } }[]
    | null
}

const openedBy =
  (person: Person, name: string) =>
  (...args: string[]) =>
    person.bothy(['open', name, ...args])

const sha256 = (data: Buffer): string => createHash('sha256').update(data).digest('hex')

/** All that a port says; empty where it breaks. */
const heard = (port: number): Promise<string> =>
  new Promise((resolve) => {
    let said = ''
    const socket = connect(port, '127.0.0.1')
    socket.on('data', (data: Buffer) => (said += data.toString()))
    socket.on('error', () => {})
    socket.on('close', () => resolve(said))
  })
