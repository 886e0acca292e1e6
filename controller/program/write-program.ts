import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { chmod, copyFile, link, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Misconfigured } from '../kernel/errors.ts'
import { makeFolder } from '../kernel/folders.ts'
import { bundleAgent } from './bundle.ts'
import { programsFolder } from './place.ts'
import type { Platform } from './platform.ts'
import { howToGet, ROOT, runtimeFor, type Runtime } from './runtime.ts'

/** One file of the program: made here, or to be linked from where it is. */
interface Part {
  readonly name: string
  readonly mode: number
  readonly from: { readonly file: string } | { readonly bytes: Uint8Array }
}

const RUN = 0o755
const READ = 0o644
/**
 * Writes `<state>/agent-program/<digest>/` unless it is there, and answers the digest: of the names, modes and bytes of what is in
 * it. The folder appears whole or not at all.
 */
export async function writeProgram(stateDir: string, platform: Platform): Promise<string> {
  const runtime = runtimeFor(platform)
  if (!runtime) throw new Misconfigured(howToGet(platform))
  const parts = await partsOf(runtime)
  const digest = await digestOf(parts)
  const folder = join(programsFolder(stateDir), digest)
  if (!(await isThere(join(folder, 'digest'))))
    await write(folder, [...parts, { name: 'digest', mode: READ, from: { bytes: Buffer.from(`${digest}\n`) } }])
  return digest
}

const linked = (name: string, file: string, mode: number): Part => ({ name, mode, from: { file } })

async function partsOf({ node, licence, addons }: Runtime): Promise<readonly Part[]> {
  const bundle = await bundleAgent()
  const script = async (name: string): Promise<Part> => ({ name, mode: RUN, from: { bytes: await readFile(join(ROOT, 'agent', name)) } })
  const parts: readonly Part[] = [
    await script('bothy-agent'),
    await script('supervise.sh'),
    { name: 'agent.mjs', mode: READ, from: { bytes: bundle } },
    linked('node', node, RUN),
    ...(licence === null ? [] : [linked('node.LICENSE', licence, READ)]),
    ...Object.entries(addons).map(([name, file]) => linked(name, file, RUN)),
  ]
  return parts.toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

async function digestOf(parts: readonly Part[]): Promise<string> {
  const all = createHash('sha256')
  for (const { name, mode, from } of parts) all.update(`${name} ${mode.toString(8)} ${await digestOfPart(from)}\n`)
  return all.digest('hex')
}

async function digestOfPart(from: Part['from']): Promise<string> {
  const hash = createHash('sha256')
  if ('bytes' in from) return hash.update(from.bytes).digest('hex')
  for await (const chunk of createReadStream(from.file, { highWaterMark: 1024 * 1024 })) hash.update(chunk)
  return hash.digest('hex')
}

async function write(folder: string, parts: readonly Part[]): Promise<void> {
  const parent = join(folder, '..')
  makeFolder(parent)
  const building = await mkdtemp(join(parent, '.building-'))
  try {
    for (const { name, mode, from } of parts) {
      const file = join(building, name)
      if ('bytes' in from) await writeFile(file, from.bytes)
      else await linkOrCopy(from.file, file, mode)
      await chmod(file, mode)
    }
    // Whoever runs in the workspace reads it there, and may be anybody.
    await chmod(building, RUN)
    await rename(building, folder).catch(async (error: unknown) => {
      if (!(await isThere(join(folder, 'digest')))) throw error
    })
  } finally {
    await rm(building, { recursive: true, force: true })
  }
}

/**
 * A hard link costs nothing. On another file system, where the kernel forbids links to others' files, or where the original may not
 * be read by everybody, it is a copy.
 */
async function linkOrCopy(from: string, to: string, mode: number): Promise<void> {
  try {
    if (((await stat(from)).mode & 0o777) !== mode) throw new Error('its mode is its own')
    await link(from, to)
  } catch {
    await copyFile(from, to)
  }
}

const isThere = (file: string): Promise<boolean> =>
  stat(file).then(
    () => true,
    () => false,
  )
