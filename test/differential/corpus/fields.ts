import { KINDS, type Kind } from '../../../crds/kinds.ts'
import { isJsonObject } from '../../../crds/schema/types.ts'
import type { Scenario, Step } from '../harness/step.ts'
import { create, INSIDE, merge, OWNERS, owner, remove, request, template, workspace, type Fields } from './make.ts'
import { goodFor, tried, type Schema } from './values.ts'

/**
 * Every field of every kind of ours, with each value that its schema says something about: made from the definitions, so that a new
 * field is tried without anybody thinking of it. Spec is tried by creating, status by writing it; both as trials.
 */

const DRY = { query: { dryRun: 'All' } }

/** The smallest document of each kind that is taken. */
const SMALLEST: Readonly<Record<string, (metadata: string) => Fields>> = {
  Workspace: workspace,
  Template: template,
  WorkspaceRequest: request,
  Owner: owner,
}

const schemaOf = (kind: Kind, part: string): Schema => {
  const { openApi } = kind
  const properties = isJsonObject(openApi) && isJsonObject(openApi['properties']) ? openApi['properties'] : {}
  const found = properties[part]
  if (!isJsonObject(found)) throw new Error(`${kind.kind} has no ${part}`)
  return found
}

function scenarioOf(kind: Kind): Scenario {
  const smallest = SMALLEST[kind.kind]
  if (!smallest) throw new Error(`give the smallest ${kind.kind} that is taken`)
  const path = kind.namespaced ? `${INSIDE}/${kind.plural}` : OWNERS
  const name = kind.namespaced ? 'x' : 'x-{run}'
  const stored = kind.namespaced ? 'stored' : 'stored-{run}'
  const document = smallest(name)
  const specs = tried(schemaOf(kind, 'spec'), 'spec', document['spec']).map(({ does, value }): Step =>
    create(does, path, { ...document, spec: value }, DRY),
  )
  const statuses = tried(schemaOf(kind, 'status'), 'status', goodFor(schemaOf(kind, 'status'))).map(({ does, value }): Step =>
    merge(does, `${path}/${stored}/status`, { status: value }, DRY),
  )
  return {
    name: `fields of ${kind.kind}`,
    steps: [...specs, create('one to write the status of', path, smallest(stored)), ...statuses, remove('it goes', `${path}/${stored}`)],
  }
}

export const FIELDS: readonly Scenario[] = KINDS.filter(({ group }) => group === 'bothy.dev').map(scenarioOf)
