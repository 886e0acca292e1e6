import { execFile, execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { temporaryHome } from '../support/bothy.ts'
import { noOwnCluster, type OwnCluster, ownCluster } from '../support/cluster.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { blocksOf, PAGE } from './page.ts'
import { as, must, objectsIn, ROOT, untilInForce, untilRefused, workspace, type Rendered } from './deployed.ts'

interface Policy {
  readonly metadata: { readonly name: string }
  readonly spec: { readonly egress: readonly { readonly ports: readonly { readonly port: number }[] }[] }
}

const POLICY = 'validatingadmissionpolicy'
const BINDING = 'validatingadmissionpolicybinding'
const renamed = (spec: { readonly policyName?: string }, policyName: string) => (spec.policyName ? { ...spec, policyName } : spec)

/** The page about installing, as somebody reads it: its commands are run in its order, and its YAML is applied. */

test('every path that the page names is there', () => {
  const named = new Set([...PAGE.matchAll(/\bdeploy\/[a-z-]+(?:\/[A-Za-z.-]+)*/g)].map(([path]) => path.replace(/\.$/, '')))
  expect(named.size).toBeGreaterThan(10)
  expect([...named].filter((path) => path !== 'deploy/mine' && !existsSync(join(ROOT, path)))).toEqual([])
})

test('its template is one that can be imported, where there are pods', async () => {
  const home = temporaryHome()
  const folder = temporaryFolder()
  const template = blocksOf('A first workspace', 'yaml')
    .flatMap((block) => objectsIn(block))
    .find(({ kind }) => kind === 'Template')
  const { files } = (template as unknown as { spec: { source: { inline: { files: Record<string, string> } } } }).spec.source.inline
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  const { stdout } = await home.run(['template', 'validate', folder])
  expect(stdout.trimEnd().split('\n')).toEqual([expect.stringContaining('This provisioner is not connected to a cluster')])
})

describe.skipIf(noOwnCluster !== null)(`what the page says${noOwnCluster ? ` (${noOwnCluster})` : ''}`, () => {
  let cluster: OwnCluster
  const home = mkdtempSync(join(tmpdir(), 'bothy-install-'))
  afterAll(() => rmSync(home, { recursive: true, force: true }))
  beforeAll(async () => {
    cluster = await ownCluster({ crds: false })
    // A checkout in which somebody has made a copy of the example, and a certificate.
    for (const folder of ['crds', 'deploy']) cpSync(join(ROOT, folder), join(home, folder), { recursive: true })
    cpSync(join(home, 'deploy/example'), join(home, 'deploy/mine'), { recursive: true })
    execFileSync(
      'openssl',
      'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout tls.key -out tls.crt -subj /CN=bothy'.split(' '),
      { cwd: home, stdio: 'ignore' },
    )
    return () => cluster.kill()
  })

  /** Without nodes nothing rolls out; everything else is run as it stands. */
  const runAll = async (blocks: readonly string[]) => {
    expect(blocks.length).toBeGreaterThan(0)
    for (const block of blocks) {
      const script = block.replaceAll(/^.*rollout status.*\n/gm, '')
      const { code, stderr } = await new Promise<{ code: number; stderr: string }>((settle) => {
        const env = { PATH: process.env['PATH'], HOME: home, KUBECONFIG: cluster.kubeconfig }
        execFile('sh', ['-ec', script], { cwd: home, env }, (error, _, said) => settle({ code: error ? 1 : 0, stderr: said }))
      })
      expect(code, `${script}\n${stderr}`).toBe(0)
    }
  }

  /** As `kubectl apply -k` of an older checkout has left it. */
  const hasTheOldName = async (name: string, before: string) => {
    const { items } = JSON.parse(await must(cluster, ['get', `${POLICY}/${name}`, `${BINDING}/${name}`, '-o', 'json'])) as {
      items: readonly (Rendered & { readonly spec: { readonly policyName?: string } })[]
    }
    const older = items.map(({ kind, spec }) => ({
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind,
      metadata: { name: before },
      spec: renamed(spec, before),
    }))
    await must(cluster, ['apply', '-f', '-'], { apiVersion: 'v1', kind: 'List', items: older })
  }

  test('before, the command line says what is missing', async () => {
    const { code, stderr } = await temporaryHome().run(['get', 'workspaces', '--kubeconfig', cluster.kubeconfig])
    expect(stderr).toMatch(/does not know what a workspace is\n[^]*kubectl apply -k crds/)
    expect(code).toBe(3)
  })

  /** What a kustomization of somebody's own gives, who has added to the example what the page says. */
  const withAdded = async (added: string): Promise<readonly Rendered[]> => {
    const own = join(home, 'deploy/added')
    cpSync(join(home, 'deploy/example'), own, { recursive: true })
    const file = join(own, 'kustomization.yaml')
    const [example, more] = [readFileSync(file, 'utf8'), added].map((text) => parse(text) as { patches: object[] })
    writeFileSync(file, stringify({ ...example, ...more, patches: [...(example?.patches ?? []), ...(more?.patches ?? [])] }))
    return objectsIn(await must(cluster, ['kustomize', own]))
  }

  test('with cert-manager, the certificate has the names of the example, and workspaces trust its authority', async () => {
    const [added = ''] = blocksOf('From nothing', 'yaml')
    const objects = await withAdded(added)
    const names = ['bothy.bothy-system.svc', 'bothy-apps.bothy-system.svc', 'bothy.example.com', 'apps.example.com']
    expect(objects.find(({ kind, metadata }) => kind === 'Certificate' && metadata.name === 'bothy')?.spec).toMatchObject({
      dnsNames: names,
    })
    const provisioner = objects.find(({ metadata, spec }) => spec?.template && metadata.name === 'bothy-provisioner')
    const sources = [
      { secret: { items: [{ key: 'tls.crt', path: 'tls.crt' }], name: 'bothy-tls' } },
      { secret: { items: [{ key: 'ca.crt', path: 'ca.crt' }], name: 'bothy-tls', optional: true } },
    ]
    expect(provisioner?.spec?.template?.spec).toMatchObject({
      volumes: expect.arrayContaining([{ name: 'authority', projected: { sources } }]),
      containers: [{ env: expect.arrayContaining([{ name: 'BOTHY_POD_CA_FILE', value: '/etc/bothy/authority/ca.crt' }]) }],
    })
  })

  test('another port of a database is one more that control plane and builds may ask', async () => {
    const objects = await withAdded(/^ {2}```yaml\n([^]*?)^ {2}```$/m.exec(PAGE)?.[1] ?? '')
    const policies = objects.filter(({ kind }) => kind === 'NetworkPolicy') as unknown as readonly Policy[]
    const asking = policies.filter(({ spec }) => JSON.stringify(spec).includes('25060'))
    expect(asking.map(({ metadata }) => metadata.name)).toEqual(['bothy-controller', 'bothy-provisioner'])
    for (const { spec } of asking) expect(spec.egress[1]?.ports.map(({ port }) => port)).toEqual([443, 6443, 8443, 16443, 5432, 25060])
  })

  test('the token for metrics is one that a pod can have', async () => {
    const [given] = blocksOf('Metrics', 'yaml').flatMap(objectsIn) as unknown as readonly { readonly volumes: readonly object[] }[]
    const containers = [{ name: 'main', image: 'prometheus', volumeMounts: [{ name: 'bothy', mountPath: '/etc/bothy' }] }]
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'prometheus' }, spec: { containers, ...given } }
    await must(cluster, ['wait', '--for=create', 'serviceaccount/default', '--timeout=180s'])
    await must(cluster, ['create', '--dry-run=server', '--validate=strict', '-f', '-'], pod)
  })

  test('installs it, declares a workspace, sets limits, and takes everything away again', async () => {
    await runAll(blocksOf('From nothing', 'sh'))
    await untilInForce(cluster)
    const image = ['-n', 'bothy-system', 'get', 'deployment', 'bothy-controller', '-o', 'jsonpath={..image}']
    expect(await must(cluster, image)).toBe('registry.example.com/bothy:0.1.0')
    // As cert-manager keeps the authority beside what it signed.
    const authority = readFileSync(join(home, 'tls.crt'))
    const kept = { data: { 'ca.crt': authority.toString('base64') } }
    await must(cluster, ['-n', 'bothy-system', 'patch', 'secret', 'bothy-tls', '--patch', JSON.stringify(kept)])
    await runAll([/^ {4}(kubectl -n bothy-system patch configmap .*)$/m.exec(PAGE)?.[1] ?? 'false'])
    expect(await must(cluster, ['-n', 'bothy-system', 'get', 'configmap', 'bothy', '-o', 'jsonpath={.data.ca\\.crt}'])).toBe(
      String(authority),
    )
    const [offered = '', declared = ''] = blocksOf('A first workspace', 'yaml')
    await must(cluster, ['apply', '-f', '-'], offered)
    const create = [...as('ada@example.com'), 'create', '--dry-run=server', '-f', '-']
    await untilRefused(cluster, create, workspace('x', 'team-a', { owner: 'somebody' }), /bothy-owner/)
    await must(cluster, [...as('ada@example.com'), 'apply', '-f', '-'], declared)
    const limits = blocksOf('What the policies refuse', 'yaml')
    for (const text of limits) await must(cluster, ['apply', '-f', '-'], text)
    expect(limits.flatMap(objectsIn).map(({ kind }) => kind)).toEqual(['ConfigMap', 'ResourceQuota'])
    await hasTheOldName('bothy-request-limits', 'bothy-hold-limits')
    await runAll(blocksOf('Upgrading', 'sh'))
    const policies = await must(cluster, ['get', `${POLICY},${BINDING}`, '-o', 'name'])
    expect([policies.includes('bothy-hold-limits'), policies.match(/bothy-request-limits/g)?.length]).toEqual([false, 2])
    const another = workspace('y', 'team-a', { owner: 'ada@example.com', template: { name: 'debian', namespace: 'bothy-templates' } })
    await must(cluster, create, another)
    const saved = [...(/^## Backup$([^]*?)^## /m.exec(PAGE)?.[1]?.matchAll(/^ {4}(kubectl .*)$/gm) ?? [])].map(([, line]) => line ?? '')
    await runAll(saved)
    for (const [file, kept] of Object.entries({ limits: 'limits-of-interns', sources: 'ca.crt', declared: 'spec:', key: 'bothy-key' }))
      expect(readFileSync(join(home, `${file}.yaml`), 'utf8')).toContain(kept)
    await runAll(blocksOf('Uninstalling', 'sh'))
    expect(
      await must(cluster, ['get', 'crd,clusterrole,validatingadmissionpolicy', '-l', 'app.kubernetes.io/part-of=bothy', '-o', 'name']),
    ).toBe('')
  })
})
