import type { AgentManifest } from './agent-manifests.ts'
import type { Sealer } from './sealed.ts'

/**
 * What only an agent is told (its environment, what it runs) may hold credentials that a template took from somewhere: it is
 * kept sealed, and opened when the agent is greeted. What people are shown stays as it is.
 */

const contextOf = (agentId: string): string => `agent ${agentId}`

export function sealedManifest(sealer: Pick<Sealer, 'seal'>, agentId: string, manifest: AgentManifest): AgentManifest {
  const { scripts, env, metadata } = manifest
  const told = { scripts, env, asks: metadata.map(({ script }) => script) }
  const sealed = sealer.seal(Buffer.from(JSON.stringify(told)), contextOf(agentId)).toString('base64')
  return { ...manifest, scripts: [], env: {}, metadata: metadata.map((each) => Object.assign({}, each, { script: '' })), sealed }
}

/** As it was before it was sealed. One of an earlier version never was. */
export function openedManifest(sealer: Pick<Sealer, 'open'>, agentId: string, { sealed, ...manifest }: AgentManifest): AgentManifest {
  if (sealed === undefined) return manifest
  const { asks, ...told } = JSON.parse(sealer.open(Buffer.from(sealed, 'base64'), contextOf(agentId)).toString()) as Pick<
    AgentManifest,
    'scripts' | 'env'
  > & { readonly asks: readonly string[] }
  return { ...manifest, ...told, metadata: manifest.metadata.map((each, i) => Object.assign({}, each, { script: asks[i] ?? '' })) }
}
