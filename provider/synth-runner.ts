import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { Node, TerraformElement } from './cdktf.ts'

/**
 * Runs in the sandbox, by itself: reads a template's main.ts, which may import cdktf, constructs, our constructs and its own files.
 * What it synthesises is in files; what is wrong is the last line of standard output.
 *
 *     node synth-runner.ts TREE MAIN
 */

class NotImported extends Error {}

const [tree = '', main = ''] = process.argv.slice(2)
const treeUrl = pathToFileURL(join(tree, '/')).href
const constructsUrl = new URL('./constructs/index.ts', import.meta.url).href

registerHooks({
  resolve(specifier, context, next) {
    const from = context.parentURL ?? ''
    if (!from.startsWith(treeUrl)) return next(specifier, context)
    if (specifier === 'bothy/constructs') return { url: constructsUrl, format: 'module-typescript', shortCircuit: true }
    if (specifier === 'cdktf' || specifier === 'constructs') return next(specifier, { ...context, parentURL: import.meta.url })
    if (/^\.\.?\//.test(specifier)) return { ...ownFile(specifier, from), shortCircuit: true }
    const isOurs = specifier.startsWith('file:') && specifier.startsWith(treeUrl)
    if (isOurs) return { url: specifier, format: 'module-typescript', shortCircuit: true }
    throw refused(specifier, from, 'a template may import cdktf, constructs, bothy/constructs and its own files')
  },
})

/** With or without its ending, and also as compilers want it written. */
function ownFile(specifier: string, from: string): { readonly url: string; readonly format: string } {
  const { href } = new URL(specifier, from)
  if (!href.startsWith(treeUrl)) throw refused(specifier, from, 'it lies outside of the template')
  if (href.endsWith('.json')) return { url: href, format: 'json' }
  const url = [href, `${href}.ts`, href.replace(/\.js$/, '.ts'), `${href}/index.ts`].find((each) => each.endsWith('.ts') && isThere(each))
  if (!url) throw refused(specifier, from, 'there is no such file in the template')
  return { url, format: 'module-typescript' }
}

function isThere(url: string): boolean {
  try {
    readFileSync(fileURLToPath(url))
    return true
  } catch {
    return false
  }
}

function refused(specifier: string, from: string, why: string): NotImported {
  const lines = textOf(from).split('\n')
  const line = lines.findIndex((text) => text.includes(`'${specifier}'`) || text.includes(`"${specifier}"`))
  const column = Math.max(0, lines[line]?.indexOf(specifier) ?? 0)
  return new NotImported(`${from.slice(treeUrl.length)}:${Math.max(0, line) + 1}:${column}: ${specifier} cannot be imported: ${why}`)
}

function textOf(url: string): string {
  try {
    return readFileSync(fileURLToPath(url), 'utf8')
  } catch {
    return ''
  }
}

/** `main.ts:12:3`, of the innermost frame that is the template's own. */
function placeIn(stack: string): string | null {
  const frame = stack.indexOf(treeUrl)
  if (frame !== -1) return /^[^\s:)]+:\d+(?::\d+)?/.exec(stack.slice(frame + treeUrl.length))?.[0] ?? null
  // What cannot even be read begins with its place, and a mark under what is wrong.
  const path = join(tree, '/')
  if (!stack.startsWith(path)) return null
  const column = /^( *)\^/m.exec(stack)?.[1]?.length ?? 0
  const place = /^[^\s:]+:\d+/.exec(stack.slice(path.length))?.[0]
  return place === undefined ? null : `${place}:${column + 1}`
}

function told(error: unknown): string {
  if (error instanceof NotImported) return error.message
  if (!(error instanceof Error)) return `${main}:1:1: it threw ${String(error)}`
  const place = placeIn(error.stack ?? '') ?? `${main}:1:1`
  return `${place}: ${error.name === 'Error' ? '' : `${error.name}: `}${error.message.replaceAll(treeUrl, '')}`
}

/** Whatever terraform finds wrong later is somewhere in JSON: each block says which line made it. */
function rememberPlaces(): void {
  const places = new WeakMap<object, string>()
  const add: unknown = Reflect.get(Node.prototype, 'addChild')
  const metadata = Object.getOwnPropertyDescriptor(TerraformElement.prototype, 'constructNodeMetadata')?.get
  if (typeof add !== 'function' || !metadata) return
  Reflect.set(Node.prototype, 'addChild', function (this: object, child: object, name: string) {
    const place = placeIn(new Error().stack ?? '')
    if (place !== null) places.set(child, place)
    return Reflect.apply(add, this, [child, name])
  })
  Object.defineProperty(TerraformElement.prototype, 'constructNodeMetadata', {
    get(this: object) {
      const known: { readonly metadata?: object } = Reflect.apply(metadata, this, [])
      return { metadata: { at: places.get(this), ...known.metadata } }
    },
  })
}

Error.stackTraceLimit = 100
try {
  rememberPlaces()
  await import(pathToFileURL(join(tree, main)).href)
} catch (error) {
  process.stdout.write(`\n${JSON.stringify({ bothy: told(error) })}\n`)
  process.exitCode = 1
}
