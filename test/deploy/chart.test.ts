import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { isMap, isScalar, parse, parseDocument } from 'yaml'
import { chartTemplates } from '../../deploy/generate-chart.ts'
import { noOwnCluster, ownCluster, type OwnCluster } from '../support/cluster.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { DEPLOY, must, objectsIn, ROOT, type Rendered } from './deployed.ts'
import { callHelm, CHART, comparable, idOf, kustomized, missing, one, PLACE, rendered, template } from './chart.ts'

/** The chart, by helm itself: the same objects as kustomize has, its settings, and an installation into a real API server. */

interface Provisioner {
  readonly spec: {
    readonly template: {
      readonly spec: { readonly volumes: readonly { readonly name: string; readonly projected?: { readonly sources: object } }[] }
    }
  }
}

const authority = (of: readonly Rendered[]): object | undefined => {
  const { spec } = one(of, 'Deployment bothy-system/bothy-provisioner') as unknown as Provisioner
  return spec.template.spec.volumes.find(({ name }) => name === 'authority')?.projected?.sources
}

const CA = [{ key: 'ca.crt', path: 'ca.crt' }]

/** What the chart of fe25d94 did not know: helm upgrade --reuse-values from it brings none of these. */
const NEWER = [
  'database.caSecret',
  'workspaces.pullSecrets',
  'service.port',
  'service.appsPort',
  'service.apiAnnotations',
  'service.appsAnnotations',
  'networkPolicies.apiServerPorts',
  'networkPolicies.databasePort',
]

const kindOfCertManager = (kind: string) => {
  const plural = `${kind.toLowerCase()}s`
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } }
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.cert-manager.io` },
    spec: {
      group: 'cert-manager.io',
      scope: 'Namespaced',
      names: { kind, plural },
      versions: [{ name: 'v1', served: true, storage: true, schema }],
    },
  }
}

test('what is generated of the manifests is as they are: npm run generate', () => {
  for (const [name, text] of chartTemplates()) expect(readFileSync(join(CHART, 'templates', name), 'utf8'), name).toBe(text)
})

test('the page of settings names each of them', () => {
  const page = readFileSync(join(CHART, 'README.md'), 'utf8')
  const documented = [...page.matchAll(/^\| `([A-Za-z.]+)` \|/gm)].map(([, name]) => name)
  expect(documented.toSorted()).toEqual(settings().toSorted())
})

function settings(): readonly string[] {
  const document = parseDocument(readFileSync(join(CHART, 'values.yaml'), 'utf8'))
  const named = (node: unknown, path: readonly string[]): readonly string[] =>
    isMap(node) && node.items.length > 0 && !['resources', 'limits'].includes(path.at(-1) ?? '')
      ? node.items.flatMap(({ key, value }) => named(value, [...path, isScalar(key) ? String(key.value) : '']))
      : [path.join('.')]
  return named(document.contents, [])
}

describe.skipIf(missing !== null)(`the chart${missing ? ` (${missing})` : ''}`, () => {
  test('has the objects of kustomize, field by field', async () => {
    expect(comparable(await rendered())).toEqual(comparable(await kustomized('.')))
  })

  test('as a trial too', async () => {
    expect(comparable(await rendered('--set', 'trial.enabled=true'))).toEqual(comparable(await kustomized('trial')))
  })

  test('with certificates by cert-manager, and Secrets of templates', async () => {
    const added = (
      await rendered(
        '--set',
        'tls.certManager=true',
        '--set',
        'templateSecrets[0].namespace=bothy-templates,templateSecrets[0].names={cloud}',
      )
    ).filter(({ kind, metadata }) => ['Issuer', 'Certificate'].includes(kind) || metadata.name === 'bothy-template-secrets')
    const { resources } = parse(readFileSync(join(DEPLOY, 'components/cert-manager/kustomization.yaml'), 'utf8')) as { resources: string[] }
    const certificates = resources.flatMap((name) => objectsIn(readFileSync(join(DEPLOY, 'components/cert-manager', name), 'utf8')))
    expect(withoutLabels(added)).toEqual(withoutLabels([...certificates, ...(await kustomized('components/template-secrets'))]))
  })

  test('a certificate by cert-manager has the names where people reach it, and workspaces trust whoever signed it', async () => {
    const where = [
      'url=https://bothy.example.com',
      'apps.url=https://10.1.2.3:8443',
      'apps.host=*.apps.example.com',
      'tls.secretName=other',
    ]
    const objects = await rendered('--set', ['tls.certManager=true', ...where].join(','))
    expect(one(objects, 'Certificate bothy-system/bothy').spec).toMatchObject({
      secretName: 'other',
      dnsNames: ['bothy.bothy-system.svc', 'bothy-apps.bothy-system.svc', 'bothy.example.com', '*.apps.example.com'],
      ipAddresses: ['10.1.2.3'],
    })
    expect(authority(objects)).toEqual([
      { secret: { name: 'other', items: [{ key: 'tls.crt', path: 'tls.crt' }] } },
      { secret: { name: 'other', optional: true, items: CA } },
    ])
    const said = await rendered('--set', 'tls.certManager=true,caCertificate=-----BEGIN CERTIFICATE-----')
    expect(authority(said)).toEqual([{ configMap: { name: 'bothy', optional: true, items: CA } }])
  })

  test('without an address of one’s own, people are told the ports of the Services', async () => {
    const objects = await rendered('--set', 'service.port=443,service.appsPort=8443')
    expect(one(objects, 'ConfigMap bothy-system/bothy')).toMatchObject({
      data: { url: 'https://bothy.bothy-system.svc:443', appsUrl: 'https://bothy-apps.bothy-system.svc:8443' },
    })
  })

  test('without the settings that an older chart did not have, it is as where nothing is said', async () => {
    expect(NEWER.filter((each) => !settings().includes(each))).toEqual([])
    const unsaid = NEWER.map((each) => `${each}=null`).join(',')
    expect(comparable(await rendered('--set', unsaid))).toEqual(comparable(await rendered()))
  })

  test('an API server and a database on other ports may be asked, and 443 by builds in any case', async () => {
    const objects = await rendered('--set', 'networkPolicies.apiServerPorts={26443},networkPolicies.databasePort=25060')
    for (const name of ['bothy-controller', 'bothy-provisioner'])
      expect(one(objects, `NetworkPolicy bothy-system/${name}`).spec).toMatchObject({
        egress: [
          {},
          { ports: [443, 26443, 25060].map((port) => ({ port, protocol: 'TCP' })) },
          ...(name === 'bothy-controller' ? [{}] : []),
        ],
      })
  })

  test('trusts the authority of a database as the component does', async () => {
    const copy = temporaryFolder()
    for (const folder of ['crds', 'deploy']) cpSync(join(ROOT, folder), join(copy, folder), { recursive: true })
    const own = join(copy, 'deploy/mine')
    mkdirSync(own)
    writeFileSync(join(own, 'kustomization.yaml'), 'resources: [../base, ../policies]\ncomponents: [../components/database-ca]\n')
    const mine = comparable(await kustomized(own))
    expect(comparable(await rendered('--set', 'database.caSecret=bothy-database-ca'))).toEqual(mine)
    const trusting = Object.entries(mine).filter(([, object]) => JSON.stringify(object).includes('/etc/bothy/database/ca.crt'))
    expect(trusting.map(([id]) => id)).toEqual(['Deployment bothy-system/bothy-controller', 'Deployment bothy-system/bothy-provisioner'])
    expect(JSON.stringify(trusting)).not.toContain('ca.key')
  })

  test('each setting is heard', async () => {
    const objects = await rendered('--values', join(import.meta.dirname, 'other-values.yaml'))
    const text = JSON.stringify(objects)
    for (const word of [
      'other-image@sha256:',
      'PULL',
      'https://bothy.example.com',
      'https://apps.example.com',
      '*.apps.example.com',
      'BEGIN CERTIFICATE',
      'other-database',
      'other-url',
      'other-key',
      'other-k',
      'other-tls',
      'OTHER_CONTROLLER',
      'OTHER_PROVISIONER',
      'controller-node',
      'provisioner-node',
      'controller-taint',
      'provisioner-taint',
      'controller-note',
      'provisioner-note',
      'controller-account',
      'provisioner-account',
      'service-note',
      'other-database-ca',
      'LoadBalancer',
      'ws-one',
      'ws-two',
      'team-secret',
      'shared-one',
      'affinity-one',
      'affinity-two',
    ])
      expect(text, word).toContain(word)
    const services = ['bothy', 'bothy-apps'].map((name) => one(objects, `Service bothy-system/${name}`))
    expect(services).toMatchObject([
      { metadata: { annotations: { 'service-note': 'yes', of: 'api' } }, spec: { ports: [{ port: 443, targetPort: 'api' }] } },
      { metadata: { annotations: { 'service-note': 'yes', of: 'both' } }, spec: { ports: [{ port: 8444, targetPort: 'apps' }] } },
    ])
    expect(services.map((each) => JSON.stringify(each).includes('apps-note'))).toEqual([false, true])
    expect(one(objects, 'Deployment bothy-system/bothy-controller').spec).toMatchObject({ replicas: 3 })
    expect(one(objects, 'Deployment bothy-system/bothy-provisioner').spec).toMatchObject({ replicas: 5 })
    expect(text).toMatch(/"BOTHY_POD_NAMESPACE","value":"ws-one".*"BOTHY_POD_NAMESPACES","value":"ws-two"/)
    expect(text).toContain('"BOTHY_POD_PULL_SECRETS","value":"PULL,WS-PULL"')
    expect(one(objects, 'ConfigMap bothy-system/bothy-limits')).toMatchObject({
      data: { maxTtl: '48h', maxHold: '4h', templateNamespaces: 'bothy-templates,shared-one', namespaces: '*' },
    })
    expect(one(objects, 'ValidatingAdmissionPolicyBinding /bothy-template-grants-shared-one').spec).toMatchObject({
      paramRef: { namespace: 'shared-one' },
    })
    expect(objects.filter(({ kind }) => ['Namespace', 'CustomResourceDefinition', 'NetworkPolicy'].includes(kind))).toEqual([])
    expect((await rendered('--set', 'policies.enabled=false')).filter(({ kind }) => kind.startsWith('Validating'))).toEqual([])
    expect((await rendered('--set', 'provisioner.enabled=false')).map(idOf)).not.toContain('Deployment bothy-system/bothy-provisioner')
    const trial = await rendered('--set', 'trial.enabled=true,trial.storage=3Gi,trial.storageClass=fast')
    expect(JSON.stringify(one(trial, 'StatefulSet bothy-system/bothy-controller'))).toMatch(/"storage":"3Gi".*"storageClassName":"fast"/)
  })

  test.each([
    [
      'a setting nobody knows',
      ['--set', 'contoller.replicas=3'],
      /[Aa]dditional property contoller|additional properties 'contoller' not allowed/,
    ],
    ['replicas that are no number', ['--set-string', 'controller.replicas=three'], /controller.*replicas/s],
    ['an address that is none', ['--set', 'url=bothy.example.com'], /url/],
    ['another namespace', ['--namespace', 'default'], /Bothy is once in a cluster, in the namespace bothy-system/],
    ['http without a trial', ['--set', 'url=http://bothy.example.com'], /url begins with http:\/\//],
    ['one origin for both', ['--set', 'url=https://a.example.com', '--set', 'apps.url=https://a.example.com'], /may not share an origin/],
  ])('%s is refused', async (_, args, words) => {
    const { code, stderr } = await template(...args)
    expect(code).not.toBe(0)
    expect(stderr).toMatch(words)
  })
})

const withoutLabels = (objects: readonly Rendered[]): readonly unknown[] =>
  objects
    .map((object) => {
      const { labels: _labels, ...metadata } = object.metadata
      return { ...object, metadata }
    })
    .toSorted((a, b) => (idOf(a) < idOf(b) ? -1 : 1))

const impossible = missing ?? noOwnCluster
describe.skipIf(impossible !== null)(`the chart, installed${impossible ? ` (${impossible})` : ''}`, () => {
  let cluster: OwnCluster
  beforeAll(async () => {
    cluster = await ownCluster({ crds: false })
    return () => cluster.kill()
  })

  test('installed, upgraded and uninstalled, it leaves the kinds and with them what people declared', async () => {
    const place = [...PLACE, '--kubeconfig', cluster.kubeconfig]
    const older = temporaryFolder()
    cpSync(CHART, older, { recursive: true })
    const values = parseDocument(readFileSync(join(CHART, 'values.yaml'), 'utf8'))
    for (const each of NEWER) expect(values.deleteIn(each.split('.')), each).toBe(true)
    writeFileSync(join(older, 'values.yaml'), values.toString())
    const installed = await callHelm(['install', 'bothy', older, ...place, '--create-namespace'])
    expect(installed.stderr.replaceAll(/^.*(group|world)-readable.*\n/gm, '')).toBe('')
    expect(installed.stdout).toMatch(/It answers at https:\/\/bothy\.bothy-system\.svc:7080\./)
    const reused = await callHelm(['upgrade', 'bothy', CHART, ...place, '--reuse-values'])
    expect([reused.stderr.replaceAll(/^.*(group|world)-readable.*\n/gm, ''), reused.stdout]).toEqual([
      '',
      expect.stringContaining('It answers at https://bothy.bothy-system.svc:7080.'),
    ])
    const set = [
      'controller.replicas=3',
      'service.port=443',
      'database.caSecret=db-ca',
      'networkPolicies.databasePort=25060',
      'workspaces.pullSecrets[0].name=login',
    ]
    const upgraded = await callHelm(['upgrade', 'bothy', CHART, ...place, '--set', set.join(',')])
    expect(upgraded.code, upgraded.stderr).toBe(0)
    expect(upgraded.stdout).toContain(
      'Logins of registries are needed in bothy-workspaces too, instead of those of the service account: login\n',
    )
    // The kinds of cert-manager, without who makes certificates of them.
    await must(cluster, ['apply', '-f', '-'], { apiVersion: 'v1', kind: 'List', items: ['Certificate', 'Issuer'].map(kindOfCertManager) })
    await must(cluster, ['wait', '--for=condition=Established', 'crd/certificates.cert-manager.io', 'crd/issuers.cert-manager.io'])
    const certified = await callHelm(['upgrade', 'bothy', CHART, ...place, '--reuse-values', '--set', 'tls.certManager=true'])
    expect(certified.stdout, certified.stderr).toMatch(
      /Workspaces trust its certificate\. For the command line, .*"From nothing", has the command/,
    )
    const objects = ['deployment/bothy-controller', 'deployment/bothy-provisioner', 'service/bothy', 'networkpolicy/bothy-controller']
    const { items } = JSON.parse(await must(cluster, ['-n', 'bothy-system', 'get', ...objects, '-o', 'json'])) as {
      items: readonly Rendered[]
    }
    const [controller, provisioner, service, policy] = items.map((each) => JSON.stringify(each.spec))
    expect(controller).toMatch(/"replicas":3.*"secretName":"db-ca"/)
    expect(provisioner).toMatch(/"BOTHY_POD_PULL_SECRETS","value":"login".*"secretName":"db-ca"/)
    expect([service, policy]).toEqual([expect.stringContaining('"port":443'), expect.stringContaining('"port":25060')])
    const gone = await callHelm(['uninstall', 'bothy', ...place])
    expect(gone.code, gone.stderr).toBe(0)
    expect((await must(cluster, ['get', 'crd', '-o', 'name'])).trim().split('\n')).toHaveLength(4 + 2)
    expect(
      await must(cluster, ['get', 'clusterrole,validatingadmissionpolicy', '-l', 'app.kubernetes.io/part-of=bothy', '-o', 'name']),
    ).toBe('')
  })
})
