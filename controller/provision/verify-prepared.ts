import { basename } from 'node:path'
import type { Log } from '../kernel/log.ts'
import { damageIn, readManifest, signatureOf, type Shared } from './prepared-files.ts'

/**
 * Whether what lies in a folder is what was fetched, by the checksum of every file; afterwards, for as long as no file is touched,
 * by what the file system says of them. null: it is not there, not sound, or not what `lock` says.
 */
export function createVerifier(log: Log): (folder: string, lock: string | null) => Promise<Shared | null> {
  const verified = new Map<string, string>()
  return async (folder, lock) => {
    const name = basename(folder)
    const manifest = await readManifest(folder)
    if (!manifest || (lock !== null && lock !== manifest.lock)) {
      verified.delete(name)
      return null
    }
    const signature = await signatureOf(folder).catch(() => null)
    if (signature === null || verified.get(name) !== signature) {
      const damage = await damageIn(folder, manifest)
      if (damage !== null || signature === null) {
        verified.delete(name)
        log.warn('prepared providers were damaged and are fetched again', { folder, damage: damage ?? 'it changes' })
        return null
      }
      verified.set(name, signature)
    }
    return { folder, manifest, network: manifest.providers.length > 0 }
  }
}
