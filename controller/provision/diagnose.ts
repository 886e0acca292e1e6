import type { Reason } from '../kernel/reasons.ts'
import { DOCKER_AWAY } from '../machines/container-away.ts'
import { CLUSTER_AWAY } from '../machines/pod-progress.ts'
import type { Failure } from './output.ts'

/** Terraform's failures in the words of somebody who never runs it by hand. Pure. */

export interface Diagnosis {
  readonly reason: Reason
  readonly text: string
}

export const CLOUD_REFUSED = 'a cloud block keeps the state elsewhere; Bothy keeps the state of every workspace itself, so remove the block'

const ERROR_CHARACTERS_MAX = 4000

/** What the job's error says: the first failures, whole. `otherwise` where terraform gave no reason. */
export function diagnose(failures: readonly Failure[], usual: Reason, otherwise: string): Diagnosis {
  const missing = failures.map(missingPart).find((text) => text !== null)
  if (missing) return { reason: 'ProviderUnavailable', text: missing }
  const text = failures.map((failure) => failure.text).join('\n')
  const isAll = (away: string) => failures.length > 0 && failures.every(({ summary }) => summary === away)
  if (isAll(DOCKER_AWAY)) return { reason: 'DockerUnavailable', text }
  if (isAll(CLUSTER_AWAY)) return { reason: 'ClusterUnavailable', text }
  return { reason: usual, text: (text === '' ? otherwise : text).slice(0, ERROR_CHARACTERS_MAX) }
}

/** Without `init` only our own providers and terraform's built-in one are there. */
function missingPart({ summary, detail, text }: Failure): string | null {
  if (/^Module (not installed|source has changed)/.test(summary)) {
    return `${text.split(' (')[0] ?? summary}: this module was not there when the template was imported; import it again`
  }
  if (!/lock file|Required plugins are not installed|Missing required provider|Failed to query available provider/i.test(summary))
    return null
  const names = [...new Set([...detail.matchAll(/\bregistry\.[\w.-]+\/[\w.-]+\/[\w.-]+/g)].map(([address]) => shortOf(address)))]
  return `the template needs ${names.length > 0 ? `the provider ${names.join(', ')}` : 'a provider'}, which was not fetched with it: name each provider with its source in required_providers`
}

/** `registry.terraform.io/hashicorp/aws` is `hashicorp/aws` to everybody. */
const shortOf = (address: string): string => address.split('/').slice(1).join('/').replace(/[.:]$/, '')
