import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { noNode } from '../support/node.ts'
import { until } from '../support/until.ts'
import { noImage } from './image.ts'
import { openNodeHome, ownKustomization, type NodeHome } from './node-home.ts'
import { blocksOf } from './page.ts'

/** The control plane in pods of its own, on a node: as the page installs it, used, killed, changed for the real thing, taken away. */

const missing = noNode ?? noImage
const ACCOUNT = `kubectl -n team-a create serviceaccount ada
kubectl -n team-a create rolebinding ada-account --clusterrole=edit --serviceaccount=team-a:ada`

interface Pod {
  readonly metadata: { readonly name: string; readonly uid: string; readonly deletionTimestamp?: string }
  readonly status: { readonly containerStatuses?: readonly { readonly restartCount: number }[] }
}

describe.skipIf(missing !== null)(`installed on a node${missing ? ` (${missing})` : ''}`, () => {
  let home: NodeHome
  beforeAll(async () => {
    home = await openNodeHome()
  }, 900_000)
  afterAll(() => home.close())

  const applied = async (yaml: string, ...more: readonly string[]) => {
    const { code, stderr } = await home.node.kubectl(['apply', '-f', '-', ...more], { input: yaml })
    expect(code, stderr).toBe(0)
  }
  const pods = async (namespace: string, ...more: readonly string[]): Promise<readonly Pod[]> => {
    const { stdout } = await home.node.kubectl(['-n', namespace, 'get', 'pods', '-o', 'json', ...more])
    return (JSON.parse(stdout) as { items: Pod[] }).items.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
  }
  const inside = (command: string) => home.sh(`kubectl -n bothy-system exec bothy-controller-0 -- ${command}`)
  const controllers = () => pods('bothy-system', '-l', 'app.kubernetes.io/component=controller')
  const ofTrial = async () => {
    const [pod] = await controllers()
    return pod && `${pod.metadata.uid} ${pod.status.containerStatuses?.[0]?.restartCount}`
  }
  const leads = async ({ metadata }: Pod) => {
    const said = await home.sh(`kubectl -n bothy-system logs ${metadata.name}`)
    return said.lastIndexOf('"this replica reconciles"') > said.lastIndexOf('"this replica reconciles no more"')
  }
  /** As the page says it: through the API server. An address is that of one of several. */
  const exec = (command: string, url?: string) =>
    home.sh(`kubectl bothy exec ${url ? `--context bothy-test --url ${url} ` : ''}--service-account team-a/ada -n team-a dev -- ${command}`)
  const declared = async () => {
    const [offered = '', wanted = ''] = blocksOf('A first workspace', 'yaml')
    await applied(offered)
    await home.sh('kubectl -n bothy-templates wait --for=condition=Ready template/debian --timeout=180s')
    // A policy that is a moment old may not know yet who may.
    await until(
      'Ada to declare it',
      async () => (await home.node.kubectl(['apply', '-f', '-', '--as', 'ada@example.com'], { input: wanted })).code === 0,
    )
    await home.sh('kubectl -n team-a wait --for=condition=Running workspace/dev --timeout=4m').catch(async (error: unknown) => {
      const seen = await home.sh(`kubectl get pods,events -A
for pod in $(kubectl -n bothy-workspaces get pods -o name); do kubectl -n bothy-workspaces logs $pod --all-containers --tail=20; done
for pod in $(kubectl -n bothy-system get pods -o name); do kubectl -n bothy-system logs $pod --tail=20; done`)
      throw new Error(`${String(error)}\n${seen}`, { cause: error })
    })
  }
  const gone = async () => {
    await home.sh('kubectl delete workspaces --all --all-namespaces --timeout=240s')
    expect(await home.sh('kubectl -n bothy-workspaces get pods,persistentvolumeclaims,secrets -o name')).toBe('')
  }

  test('a trial comes up from nothing, as nobody, where the restricted standard is enforced', { timeout: 400_000 }, async () => {
    for (const block of blocksOf('For an afternoon', 'sh')) await home.sh(block)
    expect(await inside('id -u')).toBe('65532\n')
    await expect(inside('touch /app/x')).rejects.toThrow('Read-only file system')
  })

  test('a workspace in a pod is declared and entered', { timeout: 600_000 }, async () => {
    await declared()
    await home.sh(ACCOUNT)
    const [machine] = await pods('bothy-workspaces')
    expect(await exec(`sh -c 'id -u; hostname'`)).toBe(`1000\n${machine?.metadata.name}\n`)
  })

  // Who gives the order to kill may be killed with it, and then has failed.
  test.each([
    ['told to end', 'kubectl -n bothy-system delete pod bothy-controller-0'],
    ['killed', `kubectl -n bothy-system exec bothy-controller-0 -- sh -c 'kill -9 -1' || true`],
  ])('its database is there when the pod of the trial was %s, and the workspace went on', { timeout: 400_000 }, async (_, end) => {
    const before = await home.sh('kubectl -n team-a get workspace dev -o jsonpath={.status.build}')
    const [machine] = await pods('bothy-workspaces')
    const was = await ofTrial()
    await home.sh(end)
    await until('another in its place', async () => (await controllers()).length === 1 && (await ofTrial()) !== was)
    await home.sh('kubectl -n bothy-system wait --for=condition=Ready pod/bothy-controller-0 --timeout=240s')
    expect(await until('its agent to be back', () => exec('hostname'), { everyMs: 200 })).toBe(`${machine?.metadata.name}\n`)
    expect(await home.sh('kubectl -n team-a get workspace dev -o jsonpath={.status.build}')).toBe(before)
  })

  test('a trial goes, and what people work with comes in its place', { timeout: 600_000 }, async () => {
    await gone()
    const [leave = '', prepare = '', install = ''] = [...blocksOf('From a trial', 'sh'), ...blocksOf('From nothing', 'sh')]
    await home.sh(leave)
    const given = /postgres:\/\/[^\s']+/
    expect(prepare).toMatch(given)
    await home.sh(prepare.replace('kubectl create namespace bothy-system\n', '').replace(given, home.databaseUrl))
    const mine = join(home.folder, 'deploy/mine')
    await home.sh('cp -R deploy/example deploy/mine')
    const file = join(mine, 'kustomization.yaml')
    writeFileSync(file, ownKustomization(readFileSync(file, 'utf8'), join(home.folder, 'ca.crt')))
    await home.sh(install)
    await home.sh('kubectl -n bothy-system rollout status deployment/bothy-provisioner --timeout=180s')
    expect((await pods('bothy-system')).map(({ status }) => status.containerStatuses?.[0]?.restartCount)).toEqual([0, 0, 0])
  })

  test('one replica leads, each lets people in, and who is told to end hands over', { timeout: 600_000 }, async () => {
    await declared()
    const replicas = await controllers()
    // On a machine that does much else one may give up for a moment what it did not renew in time.
    const leading = await until('one of the two to lead', async () => {
      const each = await Promise.all(replicas.map(leads))
      return each.length === 2 && each.filter(Boolean).length === 1 ? each : null
    })
    const [machine] = await pods('bothy-workspaces')
    // The agent is connected to one of them.
    for (const { metadata } of replicas) {
      const url = `https://${await home.forwarded(`pod/${metadata.name}`)}`
      expect(await exec('hostname', url)).toBe(`${machine?.metadata.name}\n`)
    }
    const leader = replicas[leading.indexOf(true)]
    const other = replicas[leading.indexOf(false)]
    if (!leader || !other) throw new Error('two replicas')
    await home.sh(`kubectl -n bothy-system delete pod ${leader.metadata.name}`)
    await until('the other to lead', () => leads(other))
    expect(await until('its agent to be back', () => exec('hostname'), { everyMs: 200 })).toBe(`${machine?.metadata.name}\n`)
    await home.sh('kubectl -n bothy-system rollout status deployment/bothy-controller --timeout=180s')
  })

  test('nothing is left of it', { timeout: 600_000 }, async () => {
    await gone()
    for (const block of blocksOf('Uninstalling', 'sh')) await home.sh(block)
    expect(await home.sh('kubectl get namespaces,persistentvolumes,crds -o name | grep -i bothy || true')).toBe(
      'namespace/bothy-templates\n',
    )
  })
})
