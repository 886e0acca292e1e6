import { beforeAll, describe, expect, test } from 'vitest'
import { noOwnCluster, type OwnCluster, type TestCluster } from '../support/cluster.ts'
import { until } from '../support/until.ts'
import { apply, DEPLOY, deployedCluster, must, objectsIn, type Rendered } from './deployed.ts'

/** deploy/ as an administrator has it applied: by a real API server, strictly, twice. */

interface Stored extends Rendered {
  readonly metadata: Rendered['metadata'] & { readonly resourceVersion: string }
}

const rendered = async (cluster: TestCluster, folder: string): Promise<readonly Rendered[]> =>
  objectsIn(await must(cluster, ['kustomize', folder]))

const stored = async (cluster: TestCluster): Promise<readonly Stored[]> => {
  const { items } = JSON.parse(await must(cluster, ['get', '-k', DEPLOY, '-o', 'json'])) as { items: Stored[] }
  return items
}

const idOf = ({ kind, metadata }: Rendered): string => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`

describe.skipIf(noOwnCluster !== null)(`deploy, applied${noOwnCluster ? ` (${noOwnCluster})` : ''}`, () => {
  let cluster: OwnCluster
  beforeAll(async () => {
    cluster = await deployedCluster()
    return () => cluster.kill()
  })

  test('a second time changes nothing', async () => {
    const before = new Map((await stored(cluster)).map((object) => [idOf(object), object.metadata.resourceVersion]))
    await apply(cluster)
    const moved = (await stored(cluster)).filter((object) => before.get(idOf(object)) !== object.metadata.resourceVersion)
    // Status is not ours: the server counts pods and checks types.
    expect(moved.map(idOf).filter((id) => !/^(ValidatingAdmissionPolicy|CustomResourceDefinition|Deployment) /.test(id))).toEqual([])
    expect(before.size).toBeGreaterThan(40)
  })

  test.each(['.', 'trial', 'example', 'components/workspaces-in', 'components/template-secrets'])(
    '%s: every object is valid, with no field unknown and no warning',
    async (folder) => {
      const objects = await rendered(cluster, `${DEPLOY}/${folder}`)
      const missing = new Set(objects.flatMap(({ metadata }) => metadata.namespace ?? []))
      for (const namespace of missing) await cluster.kubectl(['create', 'namespace', namespace])
      const answer = await cluster.kubectl(['apply', '-k', `${DEPLOY}/${folder}`, '--dry-run=server', '--validate=strict'])
      expect(answer.stderr.replaceAll(/.*missing the kubectl.kubernetes.io\/last-applied-configuration annotation.*\n/g, '')).toBe('')
      expect(answer.code).toBe(0)
      expect(answer.stdout.trim().split('\n')).toHaveLength(objects.length)
    },
  )

  test('in a kustomization of one’s own the image is another wherever it is named', async () => {
    const text = await must(cluster, ['kustomize', `${DEPLOY}/example`])
    expect(text.match(/registry\.example\.com\/bothy:0\.1\.0/g)).toHaveLength(3)
    expect(text).not.toMatch(/: bothy:/)
  })

  test('what a policy says of its own expressions: nothing', async () => {
    const checked = await until(
      'policies to be checked',
      async () => {
        const { items } = JSON.parse(await must(cluster, ['get', 'validatingadmissionpolicies', '-o', 'json'])) as {
          items: readonly {
            metadata: { name: string; generation: number }
            status?: { observedGeneration?: number; typeChecking?: { expressionWarnings?: readonly { warning: string }[] } }
          }[]
        }
        const ours = items.filter(({ metadata }) => metadata.name.startsWith('bothy-'))
        return ours.every(({ metadata, status }) => status?.observedGeneration === metadata.generation) ? ours : null
      },
      { everyMs: 200 },
    )
    expect(checked.flatMap(({ status }) => status?.typeChecking?.expressionWarnings ?? [])).toEqual([])
    expect(checked.map(({ metadata }) => metadata.name)).toEqual([
      'bothy-controller',
      'bothy-limits',
      'bothy-marks',
      'bothy-owner',
      'bothy-request-limits',
      'bothy-requests',
      'bothy-template-grants',
      'bothy-template-limits',
    ])
  })

  test.each(['.', 'trial'])('%s: pods are what the restricted standard allows', async (folder) => {
    const pods = (await rendered(cluster, `${DEPLOY}/${folder}`)).flatMap(({ metadata, spec }) =>
      spec?.template
        ? [
            {
              apiVersion: 'v1',
              kind: 'Pod',
              metadata: { ...spec.template.metadata, name: metadata.name, namespace: 'bothy-system' },
              spec: withVolumes(spec.template.spec),
            },
          ]
        : [],
    )
    expect(pods.length).toBeGreaterThan(0)
    for (const pod of pods) {
      // No controller makes accounts here at once; the server refuses a pod whose account is not there.
      expect(await cluster.kubectl(['create', '--dry-run=server', '-f', '-'], { input: JSON.stringify(pod) })).toMatchObject({
        code: 0,
        stderr: '',
      })
      const asRoot = { ...pod, spec: { ...pod.spec, securityContext: {} } }
      const refused = await cluster.kubectl(['create', '--dry-run=server', '-f', '-'], { input: JSON.stringify(asRoot) })
      expect(refused.stderr).toMatch(/violates PodSecurity "restricted:latest": runAsNonRoot != true/)
    }
  })
})

/** A StatefulSet gives its pods the volumes of its claims. */
function withVolumes(spec: object): object & { readonly volumes: readonly object[] } {
  const { volumes = [] } = spec as { volumes?: readonly { name: string }[] }
  return { ...spec, volumes: [...volumes.filter(({ name }) => name !== 'state'), { name: 'state', emptyDir: {} }] }
}
