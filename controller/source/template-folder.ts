import { readdir, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { FILE_DEPTH_MAX, FILES_BYTES_MAX, FILES_MAX, isLeftOut, normaliseTemplate, type NormalisedTemplate } from '../../crds/files.ts'
import { Stalled } from '../kernel/errors.ts'
import { isInside } from './scan.ts'
import { readSettled } from './settled-file.ts'

/**
 * The files of one template, read from inside the declared folder. Throws `Stalled` where they cannot be a template:
 * the path leads out, is no folder, or holds too much.
 */
export async function readTemplateFolder(root: string, path: string): Promise<NormalisedTemplate> {
  const [realRoot, real] = await Promise.all([realpath(root), resolved(root, path)])
  if (!isInside(realRoot, real)) throw new Stalled('FolderUnavailable', `"${path}" leads out of the declared folder`)
  if (!(await stat(real)).isDirectory()) throw new Stalled('FolderUnavailable', `"${path}" is not a folder`)
  const files = new Map<string, Uint8Array>()
  await collect({ root: realRoot, files, bytes: 0 }, real, '', 0)
  return normaliseTemplate(files)
}

async function resolved(root: string, path: string): Promise<string> {
  try {
    return await realpath(join(root, path))
  } catch {
    throw new Stalled('FolderUnavailable', `there is no folder "${path}"`)
  }
}

interface Collected {
  readonly root: string
  readonly files: Map<string, Uint8Array>
  bytes: number
}

async function collect(collected: Collected, folder: string, path: string, depth: number): Promise<void> {
  for (const name of await readdir(folder)) {
    const inner = path === '' ? name : `${path}/${name}`
    // Names with two dots in front belong to a mounted ConfigMap, which links to them.
    if (isLeftOut(inner) || name.startsWith('..') || name === 'node_modules') continue
    const real = await realpath(join(folder, name))
    if (!isInside(collected.root, real)) throw new Stalled('FolderUnavailable', `"${inner}" leads out of the declared folder`)
    const found = await stat(real)
    if (found.isDirectory()) {
      if (depth >= FILE_DEPTH_MAX) throw new Stalled('TemplateInvalid', `"${inner}" lies deeper than ${FILE_DEPTH_MAX} folders`)
      await collect(collected, real, inner, depth + 1)
    } else if (found.isFile()) await take(collected, real, inner, found.size)
  }
}

/** Refused before it is read, so that a folder of gigabytes costs nothing. */
async function take(collected: Collected, file: string, path: string, bytes: number): Promise<void> {
  collected.bytes += bytes
  if (collected.bytes > FILES_BYTES_MAX) {
    throw new Stalled('TemplateInvalid', `the template's files are larger than ${FILES_BYTES_MAX / 1024 / 1024} MiB together`)
  }
  if (collected.files.size >= FILES_MAX) throw new Stalled('TemplateInvalid', `the template has more than ${FILES_MAX} files`)
  collected.files.set(path, await readSettled(file))
}
