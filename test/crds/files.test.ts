import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { contentOf, FILES_BYTES_MAX, isLeftOut, normaliseTemplate } from '../../crds/files.ts'
import { Stalled } from '../../controller/kernel/errors.ts'

const filesOf = (...paths: readonly string[]) => new Map(paths.map((path) => [path, `# ${path}`]))

function problemOf(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    if (error instanceof Stalled) return `${error.reason}: ${error.message}`
    throw error
  }
  throw new Error('was accepted')
}

test('files come in order of path, whatever order they were given in', () => {
  const made = normaliseTemplate(filesOf('main.tf', 'a/b.tf', '.terraform.lock.hcl'))
  expect(made.files.map(({ path }) => path)).toEqual(['.terraform.lock.hcl', 'a/b.tf', 'main.tf'])
  expect(made.digest).toBe(normaliseTemplate(filesOf('a/b.tf', '.terraform.lock.hcl', 'main.tf')).digest)
  expect(made.digest).toMatch(/^sha256:[0-9a-f]{64}$/)
})

test('what must not be part of a template is left out and does not count for its digest', () => {
  const rubbish = [
    '.terraform/providers/x',
    'a/.terraform/y',
    '.git/config',
    'terraform.tfstate',
    'x.tfstate.backup',
    'a.auto.tfvars',
    'b.auto.tfvars.json',
  ]
  const made = normaliseTemplate(filesOf('main.tf', ...rubbish))
  expect(made).toEqual(normaliseTemplate(filesOf('main.tf')))
  expect(rubbish.every(isLeftOut)).toBe(true)
  expect(['.terraform.lock.hcl', 'terraform.tfvars', 'tfstate', 'git/x'].some(isLeftOut)).toBe(false)
})

test.each([
  ['/etc/passwd', 'must have a relative path'],
  ['C:/x', 'must have a relative path'],
  ['../x', 'must not lead out of the template with ".."'],
  ['a/../../x', 'must not lead out of the template with ".."'],
  ['./x', 'must not have empty or "." parts in its path'],
  ['a//x', 'must not have empty or "." parts in its path'],
  ['a\\x', 'must not have backslashes or control characters in its path'],
  ['a\nx', 'must not have backslashes or control characters in its path'],
  ['a/'.repeat(16) + 'x', 'lies deeper than 16 folders'],
  ['x'.repeat(256), 'must have a path of 1 to 255 bytes'],
  ['', 'must have a path of 1 to 255 bytes'],
])('the path %j is refused', (path, why) => {
  expect(problemOf(() => normaliseTemplate(filesOf('main.tf', path)))).toContain(why)
})

test('caps have plain words', () => {
  expect(problemOf(() => normaliseTemplate(new Map()))).toBe('TemplateInvalid: the template has no files')
  expect(problemOf(() => normaliseTemplate(filesOf('.git/x')))).toBe('TemplateInvalid: the template has no files')
  const many = filesOf(...Array.from({ length: 1001 }, (_, index) => `${index}.tf`))
  expect(problemOf(() => normaliseTemplate(many))).toBe('TemplateInvalid: the template has more than 1000 files')
  const large = new Map([
    ['a', new Uint8Array(FILES_BYTES_MAX)],
    ['b', new Uint8Array(1)],
  ])
  expect(problemOf(() => normaliseTemplate(large))).toBe("TemplateInvalid: the template's files are larger than 10 MiB together")
  expect(problemOf(() => normaliseTemplate(filesOf('a', 'a/b')))).toBe(
    'TemplateInvalid: template file "a" cannot also be the folder of "a/b"',
  )
})

const normalisedOrNull = (tree: ReadonlyMap<string, Uint8Array>) => {
  try {
    return normaliseTemplate(tree)
  } catch {
    return null
  }
}

test('every content comes back byte for byte, and different files have different digests', () => {
  const path = fc.stringMatching(/^[a-z]{1,8}(\/[a-z]{1,8}){0,3}$/)
  const content = fc.oneof(
    fc.uint8Array({ maxLength: 64 }),
    fc.string().map((text) => Buffer.from(text)),
  )
  const trees = fc.dictionary(path, content, { minKeys: 1, maxKeys: 6 }).map((object) => new Map(Object.entries(object)))
  fc.assert(
    fc.property(trees, trees, (one, other) => {
      const [a, b] = [normalisedOrNull(one), normalisedOrNull(other)]
      if (!a || !b) return
      for (const file of a.files) expect(contentOf(file).equals(Buffer.from(one.get(file.path)!))).toBe(true)
      expect(a.digest === b.digest).toBe(JSON.stringify(a.files) === JSON.stringify(b.files))
    }),
    { numRuns: 200 },
  )
})
