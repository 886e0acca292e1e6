import { Misconfigured } from './errors.ts'

/** What an operator says about where terraform may fetch providers and modules from. */

/** null: whatever terraform can fetch. */
export interface SourceRules {
  readonly providers: readonly string[] | null
  readonly modules: readonly string[] | null
  /** A folder or an https url with the layout of terraform's mirrors. */
  readonly mirror: string | null
  /** Whether providers also come from their own registries. */
  readonly direct: boolean
}

export const ANY_SOURCE: SourceRules = { providers: null, modules: null, mirror: null, direct: true }

const PART = /^(\*|[a-z0-9](?:[-_.a-z0-9]*[a-z0-9])?)$/

/** Patterns as terraform itself reads them: `hashicorp/*`, `example.com/acme/*`, one for all. */
export function checkProviderPatterns(name: string, patterns: readonly string[]): void {
  for (const pattern of patterns) {
    const parts = pattern.split('/')
    const isRight = parts.length > 1 && parts.length < 4 && parts.every((part) => PART.test(part))
    const wildHost = parts.length === 3 && parts[0] === '*' && pattern !== '*/*/*'
    if (!isRight || wildHost || (parts.at(-2) === '*' && parts.at(-1) !== '*')) {
      throw new Misconfigured(`${name}=${pattern}: must be none, or patterns such as hashicorp/*, hashicorp/aws or example.com/acme/*`)
    }
  }
}
