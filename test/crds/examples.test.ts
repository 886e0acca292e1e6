import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { expect, test } from 'vitest'
import { readDocuments } from '../../crds/documents.ts'
import { kindOf } from '../../crds/kinds.ts'
import { admit } from '../../crds/schema/index.ts'
import type { TemplateSpec } from '../../crds/types.ts'

const ROOT = join(import.meta.dirname, '../../examples')
const files = readdirSync(ROOT, { recursive: true, encoding: 'utf8' })
  .filter((file) => /\.ya?ml$/.test(file) && !/(^|\/)(\.|node_modules\/)/.test(file))
  .map((file) => join(ROOT, file))

test('there are examples', () => {
  expect(files.length).toBeGreaterThan(0)
})

test.each(files.map((file) => [relative(ROOT, file), file]))('%s is valid, without a field that nobody knows', (_, file) => {
  const { documents, problems } = readDocuments(readFileSync(file, 'utf8'), file)
  expect(problems).toEqual([])
  expect(documents.length).toBeGreaterThan(0)
  for (const { object } of documents) {
    const kind = kindOf(String(object['kind']))
    expect(kind, `${file} has a ${String(object['kind'])}`).toBeDefined()
    const admitted = admit(kind!, object, null, { fieldValidation: 'Strict' })
    expect(admitted.warnings).toEqual([])
    const source = kind?.kind === 'Template' ? (admitted.object.spec as TemplateSpec).source : null
    if (source?.type === 'Folder') {
      const folder = join(dirname(file), source.folder.path)
      expect(existsSync(folder) && statSync(folder).isDirectory(), `${folder} is a folder`).toBe(true)
    }
  }
})
