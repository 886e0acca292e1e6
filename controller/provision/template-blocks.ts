import { posix } from 'node:path'
import { contentOf, type TemplateFile } from '../../crds/files.ts'
import { Stalled } from '../kernel/errors.ts'
import { CLOUD_REFUSED } from './diagnose.ts'
import { readHcl, type Block } from './template-hcl.ts'
import { readJson } from './template-json.ts'

export { withoutText } from './template-hcl.ts'

/** What a template's files say by themselves, before terraform reads them. Pure. */

/** A folder of the template that terraform reads: the root, or a module of it. */
export interface Part {
  /** `module.app.module.db`; empty for the root. */
  readonly address: string
  readonly folder: string
  readonly blocks: readonly PlacedBlock[]
}

export interface PlacedBlock extends Block {
  readonly path: string
}

export interface ModuleCall {
  readonly address: string
  readonly source: string
  readonly version: string | null
}

export interface Read {
  /** The root first. */
  readonly parts: readonly Part[]
  readonly modules: readonly ModuleCall[]
}

const PARTS_MAX = 500

/** Throws `Stalled(TemplateInvalid)` with file and line for what no template may do. */
export function readTemplate(files: readonly TemplateFile[]): Read {
  const byFolder = Map.groupBy(files.filter(isConfiguration), ({ path }) => folderOf(path))
  const parts: Part[] = []
  const modules: ModuleCall[] = []
  const visit = (address: string, folder: string, above: readonly string[]): void => {
    if (parts.length >= PARTS_MAX) throw new Stalled('TemplateInvalid', `the template has more than ${PARTS_MAX} modules`)
    const blocks = (byFolder.get(folder) ?? []).flatMap(blocksIn)
    if (address === '') refuseStateElsewhere(blocks)
    parts.push({ address, folder, blocks })
    for (const block of blocks.filter(({ type }) => type === 'module')) {
      const called = callOf(address, block)
      modules.push(called)
      const inner = localFolder(folder, called.source, block)
      if (inner !== null && !above.includes(inner)) visit(called.address, inner, [...above, inner])
    }
  }
  visit('', '', [''])
  return { parts, modules }
}

const isConfiguration = ({ path }: TemplateFile): boolean => /\.(tf|tofu)(\.json)?$/.test(path)

const folderOf = (path: string): string => (path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '')

function blocksIn(file: TemplateFile): PlacedBlock[] {
  const text = contentOf(file).toString('utf8')
  const blocks = file.path.endsWith('.json') ? readJson(text) : readHcl(text)
  return blocks.map((block) => Object.assign({ path: file.path }, block))
}

/** A backend is ours to choose and is overridden; what only the cloud can do is not. */
function refuseStateElsewhere(blocks: readonly PlacedBlock[]): void {
  for (const block of blocks.filter(({ type }) => type === 'terraform')) {
    const cloud = block.blocks.find(({ type }) => type === 'cloud')
    if (cloud) throw new Stalled('TemplateInvalid', `${block.path}:${cloud.line}:${cloud.column}: ${CLOUD_REFUSED}`)
  }
}

function callOf(above: string, block: PlacedBlock): ModuleCall {
  const own = `module.${block.labels[0] ?? ''}`
  return {
    address: above === '' ? own : `${above}.${own}`,
    source: literal(block.attributes.get('source')?.text) ?? '',
    version: literal(block.attributes.get('version')?.text),
  }
}

/** The folder of a local module; null for one that comes from elsewhere. */
function localFolder(folder: string, source: string, block: PlacedBlock): string | null {
  const place = block.attributes.get('source') ?? block
  const where = `${block.path}:${place.line}:${place.column}`
  const outside = () =>
    new Stalled(
      'TemplateInvalid',
      `${where}: module ${block.labels[0] ?? ''}: ${source} lies outside of the template; copy it into the template`,
    )
  if (source.startsWith('/') || /^(git::)?file:/.test(source)) throw outside()
  if (!/^\.\.?(\/|$)/.test(source)) return null
  const inner = posix.normalize(posix.join(folder, source)).replace(/\/$/, '')
  if (inner === '..' || inner.startsWith('../')) throw outside()
  return inner === '.' ? '' : inner
}

/** The text of a string without expressions in it. */
export const literal = (text: string | undefined): string | null => {
  const found = /^"((?:[^"\\$%]|\\.)*)"$/.exec(text ?? '')
  return found ? (found[1] ?? '').replace(/\\(.)/g, '$1') : null
}

/** Input variables that the template calls sensitive: their values never reach a log. */
export const secretVariables = ({ parts }: Read): string[] =>
  (parts[0]?.blocks ?? [])
    .filter(({ type, attributes }) => type === 'variable' && attributes.get('sensitive')?.text === 'true')
    .flatMap(({ labels }) => labels.slice(0, 1))
