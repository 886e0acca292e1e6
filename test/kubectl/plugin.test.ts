import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { asList, objects } from '../controller/objects.ts'
import { root } from '../support/bothy.ts'
import { noOwnCluster } from '../support/cluster.ts'
import { until } from '../support/until.ts'
import { openClusterHome, rightsOf, type ClusterHome, type Person } from './cluster-home.ts'

const stopOf = (name: string) => ({
  apiVersion: 'bothy.dev/v1alpha1',
  kind: 'WorkspaceRequest',
  metadata: { generateName: 'ask-' },
  spec: { workspace: name, action: 'Stop' },
})

/** The command line in a cluster: a real API server, a controller of ours, kubectl with us as its plugin. */
describe.skipIf(noOwnCluster !== null)('bothy and kubectl bothy in a cluster', () => {
  let home: ClusterHome
  let ada: Person
  const { machine, workspace } = objects('team')
  const ADA = 'system:serviceaccount:team:ada'

  beforeAll(async () => {
    home = await openClusterHome()
    await home.must('apply', '-f', join(root, 'deploy/base/people-roles.yaml'))
    await home.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team' } })
    ada = await home.person('ada', 'team')
    await home.apply(...rightsOf('ada', 'team', 'view', 'bothy-view', 'bothy-edit'))
    const config = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'bothy', namespace: 'bothy-system' } }
    await home.apply({ ...config, data: { url: home.plane.url } }, machine)
    await home.must('wait', '--for=condition=Ready', 'tpl/machine', '-n', 'team', '--timeout=180s')
  }, 600_000)

  const apply = (text: string) => ada.bothy(['apply', '-f', '-'], { input: text })
  const bothy = async (...args: readonly string[]) => {
    const { code, stdout, stderr } = await ada.bothy(args)
    return `${stdout}${stderr}${code === 0 ? '' : `exit ${code}\n`}`
  }

  test('declares, shows and explains by the API server of the context, in its namespace', async () => {
    const { url } = home.cluster
    expect(await bothy('version')).toMatch(
      new RegExp(
        `^bothy .*\\ncluster: ${url}, context here: v1\\.\\d+\\.\\d+\\ncontrol plane: ${home.plane.url}, of context here: \\d+\\.\\d+\\.\\d+\n$`,
      ),
    )
    const file = join(ada.home, 'dev.json')
    const declare = (more: object) =>
      writeFileSync(file, JSON.stringify({ ...workspace('dev', 'machine', more), metadata: { name: 'dev' } }))
    declare({ owner: ADA })
    expect(await bothy('apply', '-f', file, '--dry-run')).toBe('workspace/dev in team created (dry run)\n')
    expect(await bothy('apply', '-f', file)).toBe('workspace/dev in team created\n')
    expect(await bothy('apply', '-f', file)).toBe('workspace/dev in team unchanged\n')
    expect(
      await home.must(
        'get',
        'ws',
        'dev',
        '-n',
        'team',
        '-o',
        'jsonpath={.metadata.managedFields[0].manager} {.metadata.managedFields[0].operation}',
        '--show-managed-fields',
      ),
    ).toBe('bothy Apply')
    declare({ owner: ADA, power: 'Stopped' })
    expect(await bothy('diff', '-f', file)).toMatch(/^workspace\/dev in team .*\n[^]*\n-.*power: Auto\n\+.*power: Stopped\n[^]*exit 1\n$/)
    declare({ owner: ADA })
    expect(await bothy('wait', 'ws/dev', '--for', 'condition=Running', '--timeout', '180s', '-q')).toBe(
      'workspace/dev in team: condition Running is True\n',
    )
    expect(await bothy('get', 'ws')).toMatch(/^NAME +STATE +READY +TEMPLATE +OWNER.*\ndev +Running +True +machine /)
    expect(await bothy('why', 'ws/dev')).toMatch(/^workspace\/dev in team: /)
    expect(await bothy('events', 'ws/dev')).toMatch(/Normal +Started +workspace.dev +Started by build 1/)
    expect(await bothy('logs', 'dev')).toMatch(/bothy_process/)
  })

  test('what is wrong with a document is said at its line, and what others declare is theirs', async () => {
    const bad = await apply(
      'apiVersion: bothy.dev/v1alpha1\nkind: Workspace\nmetadata: {name: bad}\nspec:\n  template: {name: bare}\n  powr: Auto\n',
    )
    expect(bad.code).toBe(4)
    expect(bad.stderr).toMatch(/^stdin:6:3: workspace\/bad in team: spec\.powr: there is no such field; did you mean power\?\n/)
    const wrong = await apply(
      'apiVersion: bothy.dev/v1alpha1\nkind: Workspace\nmetadata: {name: bad}\nspec:\n  template: {name: bare}\n  power: 7\n',
    )
    expect(wrong.stderr).toMatch(/^stdin:6:3: workspace\/bad in team: spec\.power: /)
    const kept =
      'apiVersion: bothy.dev/v1alpha1\nkind: Workspace\nmetadata: {name: kept, namespace: team}\nspec: {owner: ada, template: {name: machine}, power: Stopped}\n'
    await home.cluster.kubectl(['apply', '--server-side', '--field-manager=flux', '-f', '-'], { input: kept })
    const taken = await apply(kept.replace('Stopped', 'Running'))
    expect(taken.code).toBe(4)
    expect(taken.stderr).toMatch(/spec\.power: flux declares it otherwise/)
    expect(await bothy('delete', 'ws/kept', '-q')).toBe('workspace/kept in team deleted\n')
    expect(await bothy('get', 'ws', 'nobody')).toMatch(/^bothy: there is no workspace\/nobody in team\n[^]*exit 3\n$/)
  })

  test('enters a workspace through the controller, with a token of an hour that only it takes', async () => {
    await bothy('wait', 'ws/dev', '--for', 'condition=Running', '--timeout', '180s')
    expect(await bothy('exec', 'dev', '--', 'sh', '-c', 'echo in; exit 3')).toBe('in\nexit 3\n')
    expect((await ada.kubectl(['bothy', 'exec', 'dev', '--', 'echo', 'plugged'])).stdout).toBe('plugged\n')
    const before = ['bothy', '--context', 'here', '--namespace=team', 'exec', 'dev', '--', 'echo', 'before']
    expect((await ada.kubectl(before)).stdout).toBe('before\n')
    expect((await ada.kubectl(['bothy', 'ssh', 'dev', '--', 'echo', 'by ssh'])).stdout).toBe('by ssh\n')
    expect((await ada.kubectl(['bothy', 'get', 'ws'])).stdout).toMatch(/^NAME +STATE/)
    expect((await ada.kubectl(['bothy', 'get'])).stderr).toContain('kubectl bothy get --help')
    const folder = join(ada.home, '.cache', 'bothy', 'tokens')
    const [file = ''] = readdirSync(folder)
    expect([readdirSync(folder).length, statSync(join(folder, file)).mode & 0o777]).toEqual([1, 0o600])
    const { token } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as { token: string }
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { aud: string[]; exp: number; iat: number }
    expect([claims.aud, claims.exp - claims.iat]).toEqual([['bothy'], 3600])
  })

  test('asks once: stop and start are followed to their answers', async () => {
    expect(await bothy('stop', 'dev')).toMatch(/workspace\/dev in team is stopped\n$|is stopped/)
    expect(await bothy('start', 'dev')).toMatch(/is running/)
  })

  test('a workspace of one line is one’s own', async () => {
    await home.must('apply', '-f', join(root, 'deploy/policies/owner.yaml'))
    const mine = await until('the policy to hold', async () => {
      const { code } = await home.cluster.kubectl(['--as', ADA, 'create', '--dry-run=server', '-f', '-'], {
        input: asList(workspace('theirs', 'machine')),
      })
      return code !== 0
    })
    expect(mine).toBe(true)
    expect(await bothy('create', 'mine', '-t', 'machine', '--no-wait')).toBe('workspace/mine created\n')
    expect(await home.must('get', 'ws', 'mine', '-n', 'team', '-o', 'jsonpath={.spec.owner}')).toBe(ADA)
    expect(await bothy('delete', 'ws/mine', '-q')).toBe('workspace/mine in team deleted\n')
  })

  test('who may not is told what is missing, and who is no service account how to name one', async () => {
    const eve = await home.person('eve', 'team')
    await home.apply(...rightsOf('eve', 'team', 'bothy-view'))
    expect((await eve.bothy(['get', 'ws', '-o', 'name'])).stdout).toBe('workspace/dev\n')
    expect((await eve.bothy(['why', 'ws/dev'])).code).toBe(0)
    const refused = await eve.bothy(['exec', 'dev', '--', 'true'])
    expect([refused.code, refused.stderr]).toEqual([
      4,
      expect.stringContaining(`User "system:serviceaccount:team:eve" cannot connect resource "workspaces"`),
    ])
    const bob = await home.person('bob', 'team')
    const nothing = await bob.bothy(['why', 'ws/dev'])
    expect([nothing.code, nothing.stderr]).toEqual([4, expect.stringContaining('cannot get resource "workspaces"')])
    const carl = await home.person('carl', 'team')
    await home.apply(...rightsOf('carl', 'team', 'bothy-view').slice(0, 1))
    const tokenless = await carl.bothy(['why', 'ws/dev'])
    expect([tokenless.code, tokenless.stderr]).toEqual([4, expect.stringContaining('you may not make tokens of service account team/carl')])
    const admin = await home.admin('team')
    const version = await admin.bothy(['version'])
    expect(version.stdout).toMatch(/^bothy .*\ncluster: .*\ncontrol plane: the controller takes tokens of service accounts, and you are /)
    expect([version.code, version.stderr]).toEqual([0, ''])
    const nameless = await admin.bothy(['exec', 'dev', '--', 'true'])
    expect([nameless.code, nameless.stderr]).toEqual([2, expect.stringContaining('--service-account NAME, BOTHY_SERVICE_ACCOUNT')])
    expect((await admin.bothy(['exec', 'dev', '--service-account', 'ada', '--', 'echo', 'as ada'])).stdout).toBe('as ada\n')
    expect((await admin.bothy(['exec', 'dev', '--', 'echo', 'x'], { env: { BOTHY_SERVICE_ACCOUNT: 'team/ada' } })).stdout).toBe('x\n')
    const missing = await admin.bothy(['exec', 'dev', '--service-account', 'nobody', '--', 'true'])
    expect([missing.code, missing.stderr]).toEqual([3, expect.stringContaining('there is no service account team/nobody')])
    await home.must('annotate', 'namespace', 'team', 'bothy.dev/service-account=ada')
    expect((await admin.bothy(['exec', 'dev', '--', 'echo', 'annotated'])).stdout).toBe('annotated\n')
  })

  test('a right that is taken away ends what goes on, and lets nobody in', async () => {
    const goes = ada.begin(['exec', 'dev', '--', 'sh', '-c', 'echo begun; sleep 600'])
    await until('it to begin', () => goes.output().includes('begun'))
    await home.must('delete', 'rolebinding', 'ada-bothy-edit', '-n', 'team')
    expect(await goes.done).not.toBe(0)
    expect(goes.output()).toContain('cannot connect resource')
    await home.apply(...rightsOf('ada', 'team', 'view', 'bothy-view', 'bothy-edit'))
  })

  const atThePage = async (person: Person) => {
    const printed = (await person.bothy(['open', '--print'])).stdout.trim()
    expect(printed).toMatch(/#ticket=[^&]+&namespace=team$/)
    const { ticket } = Object.fromEntries(new URLSearchParams(new URL(printed).hash.slice(1)))
    const json = { 'content-type': 'application/json' }
    const begun = await fetch(`${home.plane.url}/bothy/v1/session`, { method: 'POST', headers: json, body: JSON.stringify({ ticket }) })
    const { token, user } = (await begun.json()) as { token: string; user: string }
    expect(begun.status).toBe(201)
    const ask = async (path: string, body?: object) => {
      const headers = { ...json, authorization: `Bearer ${token}` }
      const answer = await fetch(home.plane.url + path, body ? { method: 'POST', headers, body: JSON.stringify(body) } : { headers })
      return { status: answer.status, body: (await answer.json()) as { items?: { metadata: { name: string } }[]; message?: string } }
    }
    return { user, ask }
  }

  test('the page asks nothing of what is somebody else’s for who may not change it', async () => {
    const use = await home.person('use', 'team')
    await home.apply(...rightsOf('use', 'team', 'bothy-use'))
    const { ask } = await atThePage(use)
    const requests = '/apis/bothy.dev/v1alpha1/namespaces/team/workspacerequests'
    const refused = await ask(requests, stopOf('dev'))
    expect([refused.status, refused.body.message]).toEqual([403, expect.stringContaining('cannot update resource "workspaces"')])
    await home.apply(workspace('theirs', 'machine', { owner: 'system:serviceaccount:team:use' }))
    expect((await ask(requests, stopOf('theirs'))).status).toBe(201)
    await home.must('delete', 'ws/theirs', '-n', 'team', '--timeout=180s')
  })

  test('the page sees what whoever opened it may, in the namespace it was opened for', async () => {
    const { user, ask } = await atThePage(ada)
    expect(user).toBe(ADA)
    const group = '/apis/bothy.dev/v1alpha1'
    const listed = await ask(`${group}/namespaces/team/workspaces`)
    expect(listed.body.items?.map(({ metadata }) => metadata.name)).toEqual(['dev'])
    expect((await ask(`${group}/workspaces`)).status).toBe(403)
    expect((await ask(`${group}/namespaces/team/workspaces/dev/why`)).status).toBe(200)
    const asked = {
      apiVersion: 'bothy.dev/v1alpha1',
      kind: 'WorkspaceRequest',
      metadata: { generateName: 'dev-start-' },
      spec: { workspace: 'dev', action: 'Start' },
    }
    expect((await ask(`${group}/namespaces/team/workspacerequests`, asked)).status).toBe(201)
    expect((await ask(`${group}/namespaces/default/workspacerequests`, asked)).status).toBe(403)
  })

  test('the controller serves no objects, and says where they are', async () => {
    const token = (await home.must('create', 'token', 'ada', '-n', 'team', '--audience=bothy')).trim()
    const ask = async (path: string, bearer = token) => {
      const answer = await fetch(home.plane.url + path, { headers: { authorization: `Bearer ${bearer}` } })
      return [answer.status, ((await answer.json()) as { message?: string }).message]
    }
    const path = '/apis/bothy.dev/v1alpha1/namespaces/team/workspaces'
    expect(await ask(path)).toEqual([405, expect.stringContaining(`kept by the API server of the cluster, ${home.cluster.url}`)])
    expect((await ask('/apis'))[0]).toBe(404)
    expect((await ask(`${path}/dev/agents`))[0]).toBe(200)
    const forTheServer = (await home.must('create', 'token', 'ada', '-n', 'team')).trim()
    expect(await ask(`${path}/dev/agents`, forTheServer)).toEqual([401, expect.stringContaining('not one of this control plane')])
    expect((await ask(`${path}/dev/agents`, 'made.up.token'))[0]).toBe(401)
  })
})
