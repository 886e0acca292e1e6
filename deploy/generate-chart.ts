import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { isMap, isSeq, parseAllDocuments, parseDocument, type Document } from 'yaml'
import { AROUND, CHANGES, type Change } from './chart-settings.ts'

/**
 * The templates of the chart are the manifests of kustomize, with what chart-settings.ts names made a setting: one truth, two
 * ways to install it. `npm run generate` writes them, `npm run verify` compares.
 */

const HERE = import.meta.dirname
const TEMPLATES = join(HERE, 'chart/bothy/templates')
/** Written by hand in the chart. */
const BY_HAND = new Set(['NOTES.txt', '_helpers.tpl', 'checks.yaml'])
const EVERYTHING = ['../crds', 'base', 'policies', 'trial', 'components/template-secrets', 'components/cert-manager']
const HEAD = '{{- /* Generated from the manifests of deploy/ by deploy/generate-chart.ts: `npm run generate`. Do not edit. */}}\n'

/** A namespace comes with `helm install --create-namespace`, where it is the release's own. */
const LEFT_OUT = new Set(['Namespace bothy-system'])

export function chartTemplates(): ReadonlyMap<string, string> {
  const files = new Map<string, string>()
  for (const folder of EVERYTHING) {
    for (const file of resourcesOf(join(HERE, folder))) {
      const templates = templatesOf(readFileSync(file, 'utf8'))
      const name = folder === 'trial' ? 'trial.yaml' : basename(dirname(file)) === 'crds' ? `crd-${basename(file)}` : nameOf(file)
      if (templates.length === 0) continue
      if (files.has(name)) throw new Error(`two files would be templates/${name}`)
      files.set(name, HEAD + templates.join(''))
    }
  }
  return files
}

const nameOf = (file: string): string => {
  const folder = basename(dirname(file))
  return ['base'].includes(folder) ? basename(file) : `${folder === 'policies' ? 'policy' : folder}-${basename(file)}`
}

function resourcesOf(folder: string): readonly string[] {
  const list = ['kustomization.yaml', 'Kustomization'].map((name) => join(folder, name)).find((file) => existsSync(file))
  if (!list) throw new Error(`${folder} has no kustomization`)
  const { resources } = parseDocument(readFileSync(list, 'utf8')).toJS() as { resources: readonly string[] }
  return resources
    .map((name) => join(folder, name))
    .filter((path) => !EVERYTHING.some((each) => join(HERE, each) === path))
    .flatMap((path) => (path.endsWith('.yaml') ? [path] : resourcesOf(path)))
}

function templatesOf(text: string): readonly string[] {
  if (text.includes('{{')) throw new Error('what stands in a manifest would be taken for a template')
  return parseAllDocuments(text).flatMap((document) => {
    const id = `${String(document.getIn(['kind']))} ${String(document.getIn(['metadata', 'name']))}`
    if (LEFT_OUT.has(id)) return []
    for (const [name, value] of labelsOf(id))
      if (!document.hasIn(['metadata', 'labels', name])) document.setIn(['metadata', 'labels', name], value)
    if (id.startsWith('CustomResourceDefinition ')) document.setIn(['metadata', 'annotations', 'helm.sh/resource-policy'], 'keep')
    return [
      around(
        id,
        withSettings(
          document,
          CHANGES.filter(({ of }) => of.test(id)),
        ),
      ),
    ]
  })
}

/** As the kustomizations of base and policies add them. */
const labelsOf = (id: string): readonly (readonly [string, string])[] => [
  ...(/^ValidatingAdmissionPolicy|^ConfigMap bothy-limits$/.test(id) ? [['app.kubernetes.io/name', 'bothy'] as const] : []),
  ...(/^(Issuer|Certificate) | bothy-template-secrets$/.test(id) ? [] : [['app.kubernetes.io/part-of', 'bothy'] as const]),
]

function withSettings(document: Document, changes: readonly Change[]): string {
  const texts: string[] = []
  const mark = (text: string): string => `@@${texts.push(text) - 1}@@`
  for (const { at, value, optional } of changes) {
    const path = pathIn(document, at)
    if (value !== undefined) {
      if (!document.hasIn(path)) throw new Error(`nothing is at ${at.join('.')}`)
      document.setIn(path, mark(value))
    } else if (optional) {
      const place = document.getIn(path)
      const line = mark(optional.from)
      if (isSeq(place)) place.add(line)
      else if (isMap(place)) place.set(`${line}${optional.key}`, null)
      else throw new Error(`no map or list is at ${at.join('.')}`)
    }
  }
  return document
    .toString({ lineWidth: 0, nullStr: 'null' })
    .split('\n')
    .map((line) => written(line, texts))
    .join('\n')
}

/** `name:NAME` is the item of that name in a list. */
function pathIn(document: Document, at: Change['at']): (string | number)[] {
  const path: (string | number)[] = []
  for (const step of at) {
    const name = typeof step === 'string' && step.startsWith('name:') ? step.slice('name:'.length) : null
    const list = name === null ? null : document.getIn(path)
    const index = isSeq(list) ? list.items.findIndex((item) => isMap(item) && item.get('name') === name) : -1
    if (name !== null && index < 0) throw new Error(`no ${name} is at ${path.join('.')}`)
    path.push(name === null ? step : index)
  }
  return path
}

function written(line: string, texts: readonly string[]): string {
  const found = /^( *)(- |[^@]*: )?["']?@@(\d+)@@([^"':]*)["']?(: null)?$/.exec(line)
  if (!found) return line
  const [, indent = '', before = '', index = '', key = '', isKey] = found
  const text = texts[Number(index)] ?? ''
  if (isKey) return optionalKey(indent, key, text)
  if (before === '- ') return `${indent}{{- with ${text} }}\n${indent}{{- toYaml . | nindent ${indent.length} }}\n${indent}{{- end }}`
  // A map or list goes below its key; a text has its braces, and quotes where it needs them.
  if (!text.includes('{{')) return `${indent}${before.trimEnd()}\n${indent}  {{- ${text} | nindent ${indent.length + 2} }}`
  return `${indent}${before}${text}`
}

const optionalKey = (indent: string, key: string, from: string): string => {
  const isText = ['appsHost', 'ca.crt', 'type', 'storageClassName'].includes(key)
  const value = isText ? `${indent}${key}: {{ . | quote }}` : `${indent}${key}:\n${indent}  {{- toYaml . | nindent ${indent.length + 2} }}`
  return `${indent}{{- with ${from} }}\n${value}\n${indent}{{- end }}`
}

function around(id: string, text: string): string {
  const found = AROUND.find(({ of }) => of.test(id))
  const body = `---\n${text.replace(/^---\n/, '').trimEnd()}\n`
  return found ? `{{- ${found.begin} }}\n${body}{{- end }}\n` : body
}

function main(check: boolean): number {
  const wanted = chartTemplates()
  const there = existsSync(TEMPLATES) ? readdirSync(TEMPLATES).filter((name) => !BY_HAND.has(name)) : []
  const differ = [...new Set([...there, ...wanted.keys()])].filter((name) => {
    const file = join(TEMPLATES, name)
    return !existsSync(file) || readFileSync(file, 'utf8') !== wanted.get(name)
  })
  if (check) {
    for (const name of differ)
      process.stderr.write(`deploy/chart/bothy/templates/${name} is not what the manifests give: npm run generate\n`)
    return differ.length === 0 ? 0 : 1
  }
  mkdirSync(TEMPLATES, { recursive: true })
  for (const name of there) if (!wanted.has(name)) rmSync(join(TEMPLATES, name))
  for (const [name, text] of wanted) writeFileSync(join(TEMPLATES, name), text)
  return 0
}

if (import.meta.main) process.exitCode = main(process.argv.includes('--check'))
