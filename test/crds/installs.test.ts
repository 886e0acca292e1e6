import { describe, expect, test } from 'vitest'
import { GROUP, KINDS, VERSION, type Kind } from '../../crds/kinds.ts'
import { readDefinition } from '../../crds/load.ts'
import { field, objectsOf } from '../../crds/schema/load.ts'
import { realServer, type RealServer } from '../differential/random/real.ts'
import { noOwnCluster, ownCluster } from '../support/cluster.ts'
import { until } from '../support/until.ts'

/**
 * The real API server takes our definitions without a word against them. Nobody else can tell that a rule may cost too much,
 * that the name of a field must be escaped, or that a default does not meet the rules of what it stands for.
 */

const OURS = KINDS.filter(({ group }) => group === GROUP)
const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'

const conditionsOf = (crd: unknown): Readonly<Record<string, string>> =>
  Object.fromEntries(objectsOf(field(crd, 'status', 'conditions')).map((each) => [String(each['type']), String(each['status'])]))

const nameOf = (kind: Kind): string => `${kind.plural}.${kind.group}`

async function established(server: RealServer, kind: Kind): Promise<unknown> {
  return until(`${nameOf(kind)} to be established`, async () => {
    const { body } = await server.ask('GET', `${CRDS}/${nameOf(kind)}`, {})
    return conditionsOf(body)['Established'] === 'True' ? body : null
  })
}

describe.skipIf(noOwnCluster !== null)('a real API server', async () => {
  const server = noOwnCluster === null ? await realServer((await ownCluster({ crds: false })).kubeconfig) : null

  test.for(OURS)('takes the definition of $kind, and has nothing to say against it', async (kind) => {
    const { code, body, warnings } = await server!.ask(
      'POST',
      CRDS,
      { fieldValidation: 'Strict' },
      JSON.stringify(readDefinition(kind.kind)),
    )
    expect({ code, warnings, causes: field(body, 'details', 'causes') }).toEqual({ code: 201, warnings: [], causes: undefined })
    const conditions = conditionsOf(await established(server!, kind))
    expect(conditions).toMatchObject({ Established: 'True', NamesAccepted: 'True' })
    expect(conditions).not.toHaveProperty('NonStructuralSchema')
  })

  test.for(OURS)('serves $kind by every name that ours has', async (kind) => {
    await established(server!, kind)
    const found = await until(`${kind.plural} in discovery`, async () => {
      const { body } = await server!.ask('GET', `/apis/${GROUP}/${VERSION}`, {})
      return objectsOf(field(body, 'resources')).find(({ name }) => name === kind.plural)
    })
    const { kind: name, namespaced, singularName, shortNames = [], categories = [] } = found
    expect({ name, namespaced, singularName, shortNames, categories }).toEqual({
      name: kind.kind,
      namespaced: kind.namespaced,
      singularName: kind.singular,
      shortNames: kind.shortNames,
      categories: kind.categories,
    })
  })
})
