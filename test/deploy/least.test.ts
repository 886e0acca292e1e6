import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { asList, configMap, objects, BARE_TEXT } from '../controller/objects.ts'
import { openWorld } from '../controller/world.ts'
import { noOwnCluster, type OwnCluster } from '../support/cluster.ts'
import { withDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import {
  as,
  CONTROLLER,
  DEPLOY,
  deployedCluster,
  kubeconfigOf,
  must,
  request,
  template,
  untilInForce,
  untilRefused,
  workspace,
} from './deployed.ts'
import { blocksOf, PAGE } from './page.ts'

/** The real control plane with the rights of its role and no more, under the policies: a workspace lives its whole life. */

const metricsFor = async (url: string, bearer: string) => {
  const answer = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${bearer}` } })
  return { status: answer.status, text: await answer.text() }
}

describe.skipIf(noOwnCluster !== null)('with the rights of its role', async () => {
  if (noOwnCluster !== null) return void test.skip(noOwnCluster)
  const home = mkdtempSync(join(tmpdir(), 'bothy-least-'))
  const { url } = await withDatabase()
  const cluster = await deployedCluster('trial')
  afterAll(async () => {
    await cluster.kill()
    rmSync(home, { recursive: true, force: true })
  })
  await untilInForce(cluster)
  await untilRefused(cluster, ['create', '--dry-run=server', '-f', '-'], workspace('x', 'default', {}), /bothy-owner/)
  const world = openWorld({ ...cluster, kubeconfig: await kubeconfigOf(cluster, CONTROLLER, home) } as OwnCluster, url)
  const plane = await world.controller('least', '--with-provisioner')

  test('it imports, builds, answers requests, stops, cleans up, and is refused nothing', async () => {
    const namespace = await cluster.namespace('least')
    await must(cluster, ['-n', namespace, 'create', 'rolebinding', 'ada', '--clusterrole=edit', '--user=ada'])
    const ofAda = (...args: string[]) => ['-n', namespace, ...as('ada'), ...args]
    const { bare, fromConfigMap } = objects(namespace)
    await must(cluster, ['apply', '-f', '-'], asList(bare, configMap(namespace, 'files', BARE_TEXT), fromConfigMap('files')))
    await must(
      cluster,
      ofAda('apply', '-f', '-'),
      asList(objects(namespace).workspace('dev'), objects(namespace).workspace('other', 'files')),
    )
    const waitFor = (what: string, name: string) => must(cluster, ofAda('wait', `--for=${what}`, name, '--timeout=180s'))
    await waitFor('condition=Running', 'ws/dev')
    await waitFor('condition=Running', 'ws/other')
    const asked = await must(cluster, ofAda('create', '-f', '-', '-o', 'name'), request(namespace, { workspace: 'dev', action: 'Stop' }))
    await waitFor('jsonpath={.status.state}=Stopped', 'ws/dev')
    await waitFor('condition=Succeeded', asked.trim().replace('.bothy.dev', ''))
    const events = await must(cluster, ofAda('get', 'events.events.k8s.io', '-o', 'jsonpath={.items[*].reason}'))
    expect(events).toContain('Started')
    await must(cluster, ofAda('delete', 'ws/dev', 'ws/other', '--timeout=180s'))
    expect(plane.log()).not.toMatch(/forbidden|Forbidden/)
  })

  test('what counts it is told what the page names, with a token for it alone', async () => {
    await must(cluster, ['create', 'namespace', 'monitoring'])
    await must(cluster, ['-n', 'monitoring', 'create', 'serviceaccount', 'prometheus'])
    const token = async (...more: string[]) => (await must(cluster, ['-n', 'monitoring', 'create', 'token', 'prometheus', ...more])).trim()
    const forIt = await token('--audience=bothy')
    expect([(await metricsFor(plane.url, forIt)).status, (await metricsFor(plane.url, await token())).status]).toEqual([403, 401])
    const [grant = ''] = blocksOf('Metrics', 'sh')
    await must(cluster, grant.trim().split(' ').slice(1))
    // A verdict is remembered for a while.
    const { text } = await until('the right to count', async () => {
      const answer = await metricsFor(plane.url, forIt)
      return answer.status === 200 ? answer : null
    })
    const named = [...PAGE.matchAll(/^\| `(bothy_[a-z_]+)` \|/gm)].map(([, name]) => name ?? '')
    expect(named).toHaveLength(10)
    expect(named.filter((name) => !text.includes(`# TYPE ${name} `))).toEqual([])
  })

  test('whose it is was refused before it was anybody’s work', async () => {
    const namespace = await cluster.namespace('least')
    await must(cluster, ['-n', namespace, 'create', 'rolebinding', 'eve', '--clusterrole=edit', '--user=eve'])
    const { code, stderr } = await cluster.kubectl(['-n', namespace, ...as('eve'), 'create', '-f', '-'], {
      input: JSON.stringify(objects(namespace).workspace('adas')),
    })
    expect({ code, stderr }).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('you are eve, and may not declare what belongs to ada'),
    })
  })

  test('a Secret that a template names is read where a role of its namespace says so, and is nowhere to be seen', async () => {
    const namespace = await cluster.namespace('least')
    const value = 'a-value-of-a-secret'
    await must(cluster, ['create', 'namespace', 'bothy-templates'])
    await must(cluster, ['-n', 'bothy-templates', 'create', 'secret', 'generic', 'cloud', `--from-literal=token=${value}`])
    const offered = template('cloudy', 'bothy-templates', {
      allowedNamespaces: [namespace],
      source: { type: 'Inline', inline: { files: { 'main.tf': `${BARE_TEXT}\nvariable "token" {}\n` } } },
      variables: [{ name: 'token', valueFrom: { secretKeyRef: { name: 'cloud', key: 'token' } } }],
    })
    await must(cluster, ['apply', '-f', '-'], offered)
    await must(
      cluster,
      ['apply', '-f', '-'],
      workspace('dev', namespace, { owner: 'ada', template: { name: 'cloudy', namespace: 'bothy-templates' } }),
    )
    const told = () => must(cluster, ['get', '-A', 'templates,workspaces', '-o', 'jsonpath={.items[*].status.conditions[*].message}'])
    await until('it to say what it may not read', async () =>
      /cloud.*(may not|cannot|forbidden)|(may not|cannot|forbidden).*cloud/.test(await told()),
    )
    await must(cluster, ['apply', '-k', join(DEPLOY, 'components/template-secrets')])
    await must(cluster, ['-n', 'bothy-templates', 'annotate', 'template', 'cloudy', 'bothy.dev/reconcile=now'])
    await must(cluster, ['-n', namespace, 'wait', '--for=condition=Running', 'ws/dev', '--timeout=180s'])
    const seen = await must(cluster, ['get', '-A', 'templates,workspaces,events', '-o', 'yaml'])
    expect(seen).toContain('secretKeyRef')
    for (const text of [seen, plane.log()]) expect(text).not.toContain(value)
  })

  test('taken away, a right is missed aloud, and works again when it is given back', async () => {
    const namespace = await cluster.namespace('least')
    const role = JSON.parse(await must(cluster, ['get', 'clusterrole', 'bothy-controller', '-o', 'json'])) as {
      rules: { resources: string[] }[]
    }
    const without = { ...role, rules: role.rules.filter(({ resources }) => !resources.includes('templates/status')) }
    await must(cluster, ['replace', '-f', '-'], without)
    await must(cluster, ['apply', '-f', '-'], asList(objects(namespace).bare))
    await until('the log to say it', () => /templates\/status/.test(plane.log()))
    await must(cluster, ['apply', '-f', '-'], { ...role, metadata: { name: 'bothy-controller' } })
    await must(cluster, ['-n', namespace, 'wait', '--for=condition=Ready', 'template/bare', '--timeout=180s'])
  })
})
