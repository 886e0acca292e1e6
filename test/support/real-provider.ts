import { chmodSync, constants, copyFileSync, linkSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { oracle, ORACLE_VERSION } from '../oracle/provider.ts'
import { temporaryFolder } from './temporary.ts'

/** A real provider of somebody else: the one of Coder's own, under names that are not ours. */

export const REAL_VERSION = ORACLE_VERSION
export const REAL_PLATFORM = `${process.platform}_${process.arch === 'x64' ? 'amd64' : process.arch}`
const program = (folder: string) => join(folder, REAL_VERSION, REAL_PLATFORM, `terraform-provider-coder_v${REAL_VERSION}`)

/** The path of the program, or why there is none. With CI=1 that is a failure. */
export async function realProvider(): Promise<{ readonly program: string } | { readonly missing: string }> {
  const found = await oracle()
  return 'missing' in found ? found : { program: program(join(found.mirror, 'registry.terraform.io', 'coder', 'coder')) }
}

/** A filesystem mirror that has it under each of these addresses. */
export function mirrorOf(from: string, addresses: readonly string[]): string {
  const mirror = temporaryFolder('bothy-mirror-')
  // As a mirror is: terraform fetches as a user who is nobody.
  chmodSync(mirror, 0o755)
  for (const address of addresses) {
    const [, , type = ''] = address.split('/')
    const to = program(join(mirror, address)).replace('terraform-provider-coder', `terraform-provider-${type}`)
    mkdirSync(dirname(to), { recursive: true })
    put(from, to)
  }
  return mirror
}

function put(from: string, to: string): void {
  try {
    linkSync(from, to)
  } catch {
    // The cache lies on another disk.
    copyFileSync(from, to, constants.COPYFILE_FICLONE)
  }
}
