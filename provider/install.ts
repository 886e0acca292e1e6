import { chmod, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { providerPackage } from './package.ts'
import { PROVIDER_ADDRESSES } from './reattach.ts'

/** A filesystem mirror with this provider in it, under both names and for both of the programs that look for one. */

/** What the reference was at when the table was last measured against it: templates ask for versions of it. */
export const REFERENCE_VERSION = '2.19.0'

export interface Installed {
  readonly address: string
  readonly version: string
  readonly folder: string
}

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm: 'arm', ia32: '386' }

export const platformOf = (os: string, arch: string): string => `${os}_${ARCHITECTURES[arch] ?? arch}`

/** `HOST/NAMESPACE/TYPE/VERSION/PLATFORM`, as terraform looks through a mirror. */
export async function installProvider(mirror: string, ownVersion: string, platform: string): Promise<readonly Installed[]> {
  const installed = PROVIDER_ADDRESSES.map((address) => {
    const version = address.endsWith('/coder/coder') ? REFERENCE_VERSION : ownVersion
    return { address, version, folder: join(mirror, ...address.split('/'), version, platform) }
  })
  for (const each of installed) await writePackage(each)
  return installed
}

/** Of two that install at the same moment one stays, whole. */
async function writePackage({ address, version, folder }: Installed): Promise<void> {
  const type = address.split('/').at(-1) ?? ''
  await mkdir(dirname(folder), { recursive: true })
  const own = await mkdtemp(`${folder}.`)
  const fresh = join(own, 'fresh')
  try {
    await mkdir(fresh)
    for (const { name, contents, mode } of await providerPackage(type, version)) {
      await writeFile(join(fresh, name), contents)
      await chmod(join(fresh, name), mode)
    }
    await swap(fresh, folder, join(own, 'before'))
  } finally {
    await rm(own, { recursive: true, force: true })
  }
}

const SWAPS_MAX = 10

/** No folder takes another's place while that has something in it; between the two renames somebody else's may have come. */
async function swap(fresh: string, folder: string, before: string): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    await rename(folder, `${before}-${tries}`).catch(() => {})
    try {
      return await rename(fresh, folder)
    } catch (error) {
      if (tries === SWAPS_MAX) throw error
    }
  }
}

const ADDRESSES = PROVIDER_ADDRESSES.map((address) => `      ${JSON.stringify(address)},\n`).join('')

/** Ours from the mirror, and only ours; whatever else a template needs from where it always came. */
export const terraformConfig = (mirror: string): string => `provider_installation {
  filesystem_mirror {
    path    = ${JSON.stringify(mirror)}
    include = [
${ADDRESSES}    ]
  }
  direct {
    exclude = [
${ADDRESSES}    ]
  }
}
`
