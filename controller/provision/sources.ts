import { PROVIDER_ADDRESSES } from '../../provider/reattach.ts'
import { Stalled } from '../kernel/errors.ts'
import type { SourceRules } from '../kernel/source-rules.ts'

/** Where providers and modules come from, and what an operator says about it. Pure. */

const DEFAULT_HOST = 'registry.terraform.io'
const DEFAULT_HOSTS = [DEFAULT_HOST, 'registry.opentofu.org'] as const
const BUILT_IN = 'terraform.io/builtin/'

/** `acme/coder` as terraform knows it: `registry.terraform.io/acme/coder`. null where it is no address. */
export function providerAddress(source: string): string | null {
  const parts = source.toLowerCase().split('/')
  if (parts.length > 3 || parts.some((part) => part === '')) return null
  if (parts.length === 1) return `${DEFAULT_HOST}/hashicorp/${parts[0]}`
  return parts.length === 2 ? `${DEFAULT_HOST}/${source.toLowerCase()}` : source.toLowerCase()
}

/** Served by this program or part of terraform: never fetched. */
export const isAtHand = (address: string): boolean => PROVIDER_ADDRESSES.includes(address) || address.startsWith(BUILT_IN)

/** `registry.terraform.io/hashicorp/aws` is `hashicorp/aws` to everybody. */
export const shortProvider = (address: string): string => {
  const host = DEFAULT_HOSTS.find((each) => address.startsWith(`${each}/`))
  return host ? address.slice(host.length + 1) : address
}

export function mayFetchProvider({ providers }: SourceRules, address: string): boolean {
  if (providers === null) return true
  const [host, namespace, type] = address.split('/')
  return providers.some((pattern) => {
    const parts = pattern.split('/')
    const [givenType, givenNamespace, givenHost = pattern === '*/*/*' ? '*' : null] = parts.toReversed()
    const hostFits = givenHost === null ? DEFAULT_HOSTS.some((each) => each === host) : givenHost === '*' || givenHost === host
    return hostFits && fits(givenNamespace, namespace) && fits(givenType, type)
  })
}

const fits = (pattern: string | undefined, part: string | undefined): boolean => pattern === '*' || pattern === part

/** `*` stands for anything. Registry modules may be named with or without the host of their registry. */
export function mayFetchModule({ modules }: SourceRules, source: string): boolean {
  if (modules === null) return true
  const names = [source, source.startsWith(`${DEFAULT_HOST}/`) ? source.slice(DEFAULT_HOST.length + 1) : `${DEFAULT_HOST}/${source}`]
  return modules.some((pattern) => {
    const expression = new RegExp(`^${pattern.split('*').map(escaped).join('.*')}$`, 's')
    return names.some((name) => expression.test(name))
  })
}

const escaped = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')

export type ModuleKind = 'local' | 'remote' | 'file'

/** What terraform makes of a module's source. `file` reaches into the machine that runs it. */
export function kindOfModule(source: string): ModuleKind {
  if (/^\.\.?(\/|$)/.test(source)) return 'local'
  const plain = source.replace(/^[a-z0-9]+::/i, '')
  return plain.startsWith('/') || plain.startsWith('~') || /^file:/i.test(plain) || /^[a-z]:[\\/]/i.test(plain) ? 'file' : 'remote'
}

/** Each throws what a person can act upon: where it is asked for, what, and which setting decides. */
export function refuseProvider(rules: SourceRules, address: string, at: string | null): void {
  if (mayFetchProvider(rules, address)) return
  throw new Stalled(
    'ProviderUnavailable',
    `${at === null ? '' : `${at}: `}the provider ${shortProvider(address)} is not allowed here: BOTHY_PROVIDERS of the provisioner allows ${shown(rules.providers)}`,
  )
}

export function refuseModule(rules: SourceRules, source: string, at: string): void {
  const kind = kindOfModule(source)
  if (kind === 'local') return
  if (kind === 'file')
    throw new Stalled(
      'TemplateInvalid',
      `${at}: the module source "${source}" names files of the machine; put the module into the template`,
    )
  if (/(^|[/\\])\.\.([/\\]|$)/.test(source))
    throw new Stalled('TemplateInvalid', `${at}: the module source "${source}" must not contain ".."`)
  if (mayFetchModule(rules, source)) return
  throw new Stalled(
    'ProviderUnavailable',
    `${at}: the module ${source} is not allowed here: BOTHY_MODULES of the provisioner allows ${shown(rules.modules)}`,
  )
}

const shown = (patterns: readonly string[] | null): string => (patterns && patterns.length > 0 ? patterns.join(', ') : 'none')
