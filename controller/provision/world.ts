import { realpath } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** Something of this machine, and where a build sees it. */
export interface Shown {
  readonly outside: string
  readonly inside: string
}

/** What a build that needs the network is shown of this machine, to find and to trust whom it talks to. */
export interface World {
  readonly files: readonly Shown[]
  /** Some of git's own programs are scripts. */
  readonly shell: readonly Shown[]
}

/** Where systems keep the authorities they trust; the first that is there. */
const AUTHORITIES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
] as const
/** Every program looks here by itself. */
export const CERTIFICATES_INSIDE = AUTHORITIES[0]

/** Where git and all it needs lie: shown whole, and only to what fetches modules. */
export const PROGRAM_FOLDERS = ['/usr', '/lib', '/lib64'] as const

const NAMES = ['/etc/resolv.conf', '/etc/hosts', '/etc/nsswitch.conf'] as const
/** Beside libc: what a program linked with it loads when it resolves names. */
const RESOLVERS = ['libresolv.so.2', 'libnss_dns.so.2', 'libnss_files.so.2'] as const

/** `certificates`: the operator's own, in place of the system's. `libraries`: those of a program that uses the C library. */
export async function worldOf(certificates: string | null, libraries: readonly string[]): Promise<World> {
  const trusted = await firstOf(certificates === null ? AUTHORITIES : [certificates])
  const names = await Promise.all(NAMES.map(shownThere))
  const libc = libraries.find((path) => /\/libc\.so/.test(path))
  const resolvers = libc ? await Promise.all(RESOLVERS.map((name) => shownThere(join(dirname(libc), name)))) : []
  const shell = await firstOf(['/bin/sh'])
  const files = [
    ...(trusted ? [{ outside: trusted, inside: CERTIFICATES_INSIDE }] : []),
    ...[...names, ...resolvers].filter((shown) => shown !== null),
    ...libraries.map((path) => ({ outside: path, inside: path })),
  ]
  return {
    files,
    shell: shell ? [{ outside: shell, inside: '/bin/sh' }] : [],
  }
}

async function firstOf(paths: readonly string[]): Promise<string | null> {
  for (const path of paths) {
    const found = await realpath(path).catch(() => null)
    if (found !== null) return found
  }
  return null
}

/** Links, such as a resolver's own resolv.conf, are followed here: what they point to is not there inside. */
async function shownThere(path: string): Promise<Shown | null> {
  const outside = await realpath(path).catch(() => null)
  return outside === null ? null : { outside, inside: path }
}
