import { Misconfigured } from '../kernel/errors.ts'

/** What an agent's program is made for. `arch` as Terraform and Go name it, since templates do. */
export interface Platform {
  readonly os: string
  readonly arch: string
}

/** The platforms there is a runtime for, and what npm calls them. */
const NODE_NAMES: Readonly<Record<string, string>> = { 'linux-amd64': 'linux-x64', 'linux-arm64': 'linux-arm64' }

export const PLATFORMS: readonly string[] = Object.keys(NODE_NAMES)

export const platformName = ({ os, arch }: Platform): string => `${os}-${arch}`

/** As npm and Node name it; null: no agent is made for it. */
export const nodeNameOf = (platform: Platform): string | null => NODE_NAMES[platformName(platform)] ?? null

/** `linux-arm64`, and `linux-x64` as people who know Node would write it. */
export function platformFrom(text: string): Platform {
  const name = Object.keys(NODE_NAMES).find((each) => each === text || NODE_NAMES[each] === text)
  if (name === undefined) throw new Misconfigured(`there is no agent for ${text}; there is one for ${PLATFORMS.join(' and ')}`)
  const [os = '', arch = ''] = name.split('-')
  return { os, arch }
}

/** The platform that this program runs on; its name may be one that no agent is made for. */
export const platformHere = (): Platform => ({ os: process.platform, arch: process.arch === 'x64' ? 'amd64' : process.arch })
