import { posix } from 'node:path'
import { isJsonObject, own } from './schema/types.ts'

/** A template's folder lies beside the file that names it, and what is in it is the template's: also what ends in .yaml. */

/** The folder a Template's spec names, as it is written; null for any other object. */
export function templateFolderOf(object: { readonly kind?: unknown; readonly spec?: unknown }): string | null {
  if (object.kind !== 'Template') return null
  const source = at(object.spec, 'source')
  const folder = at(at(source, 'folder'), 'path')
  return at(source, 'type') === 'Folder' && typeof folder === 'string' ? folder : null
}

const at = (value: unknown, name: string): unknown => (isJsonObject(value) ? own(value, name) : undefined)

/** Where that folder is, from where the path of its file begins. */
export const besideFile = (path: string, folder: string): string =>
  posix.normalize(posix.join(posix.dirname(path), folder)).replace(/\/$/, '')

export const contains = (folder: string, path: string): boolean => folder === '.' || path === folder || path.startsWith(`${folder}/`)

const depth = (path: string): number => path.split('/').length

/** The files that are no template's. Folders named by files nearer to the top go first. `foldersOf` answers where they are. */
export function outsideTemplates<File extends { readonly path: string }>(
  files: readonly File[],
  foldersOf: (file: File) => readonly string[],
): readonly File[] {
  const taken: string[] = []
  const inTemplate = (path: string) => taken.some((folder) => contains(folder, path))
  for (const file of files.toSorted((a, b) => depth(a.path) - depth(b.path) || (a.path < b.path ? -1 : 1))) {
    if (!inTemplate(file.path)) taken.push(...foldersOf(file).filter((folder) => !contains(folder, file.path)))
  }
  return files.filter((file) => !inTemplate(file.path))
}
