import { describe, expect, test } from 'vitest'
import { noOwnCluster, ownCluster, type OwnCluster } from '../support/cluster.ts'
import { withDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { asList, BARE_TEXT, configMap, objects } from './objects.ts'
import { openWorld } from './world.ts'

/** A workspace's life in a real cluster, with kubectl alone. */

describe.skipIf(noOwnCluster !== null)('in a cluster', async () => {
  if (noOwnCluster !== null) return void test.skip(noOwnCluster)
  const { url } = await withDatabase()
  const cluster: OwnCluster = await ownCluster({ manager: true })
  const world = openWorld(cluster, url)
  const plane = await world.controller('only', '--with-provisioner')

  async function done(...args: Parameters<OwnCluster['kubectl']>): Promise<string> {
    const { code, stdout, stderr } = await cluster.kubectl(...args)
    if (code !== 0) throw new Error(`kubectl ${args[0].join(' ')}: ${stderr}\n${plane.log().slice(-3000)}`)
    return stdout
  }

  test('applied, waited for, looked at, changed, deleted', async () => {
    const namespace = await cluster.namespace('life')
    const { bare, workspace } = objects(namespace)
    await done(['apply', '-f', '-'], { input: asList(bare, workspace('dev')) })
    await done(['wait', '--for=condition=Running', 'ws/dev', '--timeout=60s'], { namespace })
    const [columns = '', row = ''] = (await done(['get', 'ws'], { namespace })).split('\n')
    expect(columns.split(/\s+/)).toEqual(['NAME', 'STATE', 'READY', 'TEMPLATE', 'OWNER', 'STOPS', 'AGE'])
    expect(row.split(/\s+/).slice(0, 5)).toEqual(['dev', 'Running', 'True', 'bare', 'ada'])

    await done(['patch', 'ws/dev', '--type=merge', '-p', '{"spec":{"parameters":{"greeting":"good morning"}}}'], { namespace })
    const greeting = ['wait', '--for=jsonpath={.status.outputs.greeting}=good morning', 'ws/dev', '--timeout=60s']
    await done(greeting, { namespace })
    await done(['wait', '--for=condition=Ready', 'ws/dev', '--timeout=60s'], { namespace })

    await done(['patch', 'ws/dev', '--type=merge', '-p', '{"spec":{"power":"Stopped"}}'], { namespace })
    await done(['wait', '--for=jsonpath={.status.state}=Stopped', 'ws/dev', '--timeout=60s'], { namespace })
    // As wanted: whoever waits for health must not wait for a workspace that sleeps.
    await done(['wait', '--for=condition=Ready', 'ws/dev', '--timeout=30s'], { namespace })

    const story = await done(['describe', 'ws/dev'], { namespace })
    for (const word of ['Started', 'Stopped', 'bothy.dev/controller']) expect(story).toContain(word)

    await done(['delete', 'ws/dev', '--timeout=60s'], { namespace })
    expect((await cluster.kubectl(['get', 'ws/dev'], { namespace })).stderr).toContain('not found')
    await done(['delete', 'namespace', namespace, '--timeout=60s'])
  })

  test('a template of a ConfigMap is imported, again when it changes, and missed when it is gone', async () => {
    const namespace = await cluster.namespace('source')
    const { fromConfigMap } = objects(namespace)
    await done(['apply', '-f', '-'], { input: asList(fromConfigMap('files')) })
    await done(['wait', '--for=jsonpath={.status.conditions[?(@.type=="Ready")].reason}=SourceMissing', 'tpl/files', '--timeout=30s'], {
      namespace,
    })
    await done(['apply', '-f', '-'], { input: asList(configMap(namespace, 'files', BARE_TEXT)) })
    await done(['wait', '--for=condition=Ready', 'tpl/files', '--timeout=60s'], { namespace })
    const version = () => done(['get', 'tpl/files', '-o', 'jsonpath={.status.activeVersion.digest}'], { namespace })
    const before = await version()
    await done(['apply', '-f', '-'], { input: asList(configMap(namespace, 'files', `${BARE_TEXT}\n# changed\n`)) })
    await until('the next version', async () => (await version()) !== before)
    await done(['delete', 'configmap/files'], { namespace })
    await done(['wait', '--for=jsonpath={.status.conditions[?(@.type=="Ready")].reason}=SourceMissing', 'tpl/files', '--timeout=30s'], {
      namespace,
    })
  })

  test('a workspace without an owner, and one of a template that is not granted, say so and build nothing', async () => {
    const [namespace, other] = [await cluster.namespace('owner'), await cluster.namespace('other')]
    const { bare, workspace } = objects(namespace)
    const nobodys = workspace('nobodys')
    const ungranted = { ...objects(other).workspace('dev'), spec: { owner: 'ada', template: { name: 'bare', namespace } } }
    await done(['apply', '-f', '-'], { input: asList(bare, { ...nobodys, spec: { template: { name: 'bare' } } }, ungranted) })
    const reason = (name: string, of: string) =>
      done(['get', `ws/${name}`, '-o', 'jsonpath={.status.conditions[?(@.type=="Stalled")].reason}'], { namespace: of })
    await until('both to be stalled', async () => {
      const reasons = [await reason('nobodys', namespace), await reason('dev', other)]
      if (reasons.every((each) => each !== '')) return reasons
      throw new Error(`they say ${JSON.stringify(reasons)}`)
    })
    expect(await reason('nobodys', namespace)).toBe('OwnerMissing')
    expect(await reason('dev', other)).toBe('TemplateNotAllowed')
  })

  test('it ends at once when it is told to, and lets go of everything', async () => {
    expect(await plane.end()).toBe(0)
  })
})
