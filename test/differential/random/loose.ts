import { KINDS, GROUP, type Kind } from '../../../crds/kinds.ts'
import { readDefinition } from '../../../crds/load.ts'
import { until } from '../../support/until.ts'
import { pathOf, type RealServer } from './real.ts'

/** Our kinds in a cluster of one's own: first under a schema that takes anything, as a far older version might have been, then under ours. */

export const OURS: readonly Kind[] = KINDS.filter(({ group }) => group === GROUP)

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'

interface Definition {
  readonly metadata: Readonly<Record<string, unknown>>
  readonly spec: { readonly versions: Record<string, unknown>[] }
}

const definitionOf = (kind: Kind): Definition => structuredClone(readDefinition(kind.kind)) as Definition

export async function installLoose(server: RealServer, kind: Kind, namespace: string): Promise<void> {
  const definition = definitionOf(kind)
  for (const version of definition.spec.versions) {
    version['schema'] = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } }
    delete version['selectableFields']
  }
  const { code, body } = await server.ask('POST', CRDS, {}, JSON.stringify(definition))
  if (code !== 201) throw new Error(`the loose ${kind.kind} was not taken: ${JSON.stringify(body)}`)
  await inForce(server, kind, namespace, true)
}

export async function installOurs(server: RealServer, kind: Kind, namespace: string): Promise<void> {
  const { metadata, ...definition } = definitionOf(kind)
  const path = `${CRDS}/${kind.plural}.${kind.group}`
  const there = (await server.ask('GET', path, {})).body as Definition
  const { resourceVersion } = there.metadata
  const { code, body } = await server.ask('PUT', path, {}, JSON.stringify({ ...definition, metadata: { ...metadata, resourceVersion } }))
  if (code !== 200) throw new Error(`${kind.kind} was not taken: ${JSON.stringify(body)}`)
  await inForce(server, kind, namespace, false)
}

/** A definition is in force some time after it was written: a spec that is a text shows which one is. */
async function inForce(server: RealServer, kind: Kind, namespace: string, loose: boolean): Promise<void> {
  const probe = JSON.stringify({ apiVersion: kind.apiVersion, kind: kind.kind, metadata: { name: 'probe' }, spec: 'x' })
  await until(`the ${loose ? 'loose' : 'strict'} ${kind.kind} to be in force`, async () => {
    const { code } = await server.ask('POST', pathOf(kind, namespace), { dryRun: 'All' }, probe)
    return loose ? code === 201 : code === 422
  })
}
