import { chmod, mkdir, rename, rm, writeFile } from 'node:fs/promises'
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

/** Whoever installs at the same moment sees the old package or the new one, whole. */
async function writePackage({ address, version, folder }: Installed): Promise<void> {
  const type = address.split('/').at(-1) ?? ''
  const fresh = `${folder}.new`
  await rm(fresh, { recursive: true, force: true })
  await mkdir(fresh, { recursive: true })
  for (const { name, contents, mode } of await providerPackage(type, version)) {
    await writeFile(join(fresh, name), contents)
    await chmod(join(fresh, name), mode)
  }
  await mkdir(dirname(folder), { recursive: true })
  await rm(folder, { recursive: true, force: true })
  await rename(fresh, folder)
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
