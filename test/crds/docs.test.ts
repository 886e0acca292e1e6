import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { readDocuments } from '../../crds/documents.ts'
import { GROUP, KINDS } from '../../crds/kinds.ts'
import { admit } from '../../crds/schema/index.ts'
import type { Schema } from '../../crds/schema/types.ts'
import { kindNamed } from './support/objects.ts'

const OURS = KINDS.filter(({ group }) => group === GROUP)
const pageOf = (kind: string): string => readFileSync(new URL(`../../docs/kinds/${kind.toLowerCase()}.md`, import.meta.url), 'utf8')

function pathsOf(schema: Schema | undefined, path = ''): readonly string[] {
  const found: string[] = []
  for (const [name, child] of schema?.properties ?? []) {
    const at = path ? `${path}.${name}` : name
    found.push(at, ...pathsOf(child, at), ...pathsOf(child.items ?? undefined, `${at}[]`))
  }
  return found
}

test.each(OURS)('the page of $kind names every field', ({ kind, schema }) => {
  const page = pageOf(kind)
  for (const part of ['spec', 'status']) {
    const missing = pathsOf(schema.properties.get(part)).filter((path) => !page.includes(`| \`${path}\` |`))
    expect(missing, `fields of ${part}`).toEqual([])
  }
})

test.each(OURS)('the page of $kind names no field that is gone', ({ kind, schema }) => {
  const known = new Set(['spec', 'status'].flatMap((part) => pathsOf(schema.properties.get(part))))
  const named = [...pageOf(kind).matchAll(/^\| `([a-z][\w.[\]]*)` \| [^|\n]+ \| [^|\n]*(?:\| |\|$)/gm)].map(([, path]) => path ?? '')
  expect(named.filter((path) => !known.has(path))).toEqual([])
  expect(named.length).toBeGreaterThan(0)
})

test.each(OURS)('the examples on the page of $kind come first and are valid', ({ kind }) => {
  const page = pageOf(kind)
  const examples = [...page.matchAll(/```yaml\n(.*?)```/gs)].map(([, text]) => text ?? '')
  expect(page.indexOf('```yaml')).toBeLessThan(page.indexOf('## Fields'))
  for (const text of examples) {
    const { documents, problems } = readDocuments(text, `${kind}.md`)
    expect(problems).toEqual([])
    for (const { object } of documents)
      expect(admit(kindNamed(String(object['kind'])), object, null, { fieldValidation: 'Strict' }).warnings).toEqual([])
  }
})
