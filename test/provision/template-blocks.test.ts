import { expect, test } from 'vitest'
import type { TemplateFile } from '../../crds/files.ts'
import { Stalled } from '../../controller/kernel/errors.ts'
import { readTemplate, secretVariables, withoutText } from '../../controller/provision/template-blocks.ts'
import { factsOf } from '../../controller/provision/template-facts.ts'
import { readHcl } from '../../controller/provision/template-hcl.ts'

const file = (path: string, content: string): TemplateFile => ({ path, encoding: 'utf8', content })

const refusal = (...files: TemplateFile[]): string | null => {
  try {
    readTemplate(files)
    return null
  } catch (error) {
    if (error instanceof Stalled) return error.message
    throw error
  }
}

test('finds what keeps the state elsewhere, wherever it hides', () => {
  const cloud = 'terraform {\n  required_version = ">= 1"\n  cloud {\n  }\n}\n'
  expect(refusal(file('a.tf', 'locals {}\n'), file('main.tf', cloud))).toMatch(/^main\.tf:3:3: a cloud block/)
  expect(refusal(file('x.tf.json', '{\n"terraform":[{\n"cloud":{}}]}'))).toMatch(/^x\.tf\.json:3:/)
  expect(refusal(file('main.tf', '/* } */ terraform { cloud {} }'))).toMatch(/^main\.tf:1:21:/)
  expect(refusal(file('main.tf', 'locals { a = "${"}"}" }\nterraform {\n cloud {}\n}'))).toMatch(/^main\.tf:3:2:/)
  expect(refusal(file('main.tf', 'locals {\n  a = <<E\nterraform {\nE\n}\nterraform {\n  cloud {}\n}'))).toMatch(/^main\.tf:7:/)
})

test('is not misled by words in comments, strings, other blocks and folders that nobody calls', () => {
  const files = [
    file(
      'main.tf',
      '# terraform { cloud {} }\nlocals {\n  a = "terraform { cloud {} }"\n  b = <<-EOT\n  terraform { cloud {} }\n  EOT\n}\n',
    ),
    file('other.tf', 'resource "x" "y" {\n  cloud {\n  }\n}\n'),
    file('module/main.tf', 'terraform {\n  cloud {}\n}\nmodule "up" {\n  source = "../../elsewhere"\n}\n'),
    file('readme.md', 'terraform { cloud {} }'),
    file('broken.tf.json', '{'),
  ]
  expect(refusal(...files)).toBe(null)
  expect(secretVariables(readTemplate(files))).toEqual([])
})

test('knows which variables are secret', () => {
  const text =
    '# one\nvariable "password" {\n  sensitive = true\n}\nvariable plain {\n  sensitive = false\n}\nvariable token { sensitive=true }\n'
  const files = [file('main.tf', text), file('v.tf.json', '{"variable":{"key":{"sensitive":true},"open":{}}}')]
  expect(secretVariables(readTemplate(files))).toEqual(['password', 'token', 'key'])
})

test('follows modules inside the template, and refuses what lies outside with file, line and column', () => {
  const files = [
    file(
      'main.tf',
      'module "app" {\n  source = "./modules/app"\n}\nmodule "far" {\n  source  = "acme/thing/aws"\n  version = "1.2.3"\n}\n',
    ),
    file('modules/app/main.tf', 'module "db" {\n  source = "../db"\n}\n'),
    file('modules/db/main.tf', 'resource "terraform_data" "x" {}\n'),
  ]
  const { modules, parts } = readTemplate(files)
  expect(modules).toEqual([
    { address: 'module.app', source: './modules/app', version: null },
    { address: 'module.app.module.db', source: '../db', version: null },
    { address: 'module.far', source: 'acme/thing/aws', version: '1.2.3' },
  ])
  expect(parts.map(({ folder }) => folder)).toEqual(['', 'modules/app', 'modules/db'])
  const outside = 'module "x" {\n  # up\n  source = "../../x"\n}\n'
  expect(refusal(file('main.tf', 'module "a" {\n source = "./a"\n}'), file('a/m.tf', outside))).toMatch(
    /^a\/m\.tf:3:3: module x: \.\.\/\.\.\/x lies outside/,
  )
  for (const source of ['/etc/terraform', 'file:/etc', 'git::file:///srv/x'])
    expect(refusal(file('main.tf', `module "x" {\n  source = "${source}"\n}`))).toMatch(/^main\.tf:2:3: .*outside/)
})

test('ends where modules call each other in a circle', () => {
  const files = [file('main.tf', 'module "a" {\n source = "./a"\n}'), file('a/m.tf', 'module "a" {\n source = "./"\n}')]
  expect(readTemplate(files).parts).toHaveLength(2)
})

test('reads attributes of every shape with their places', () => {
  const [block] = readHcl(
    'resource "a" "b" {\n  one = [\n    1, # two\n  ]\n  two = <<-E\n    x = 1\n  E\n  three = f("}", {\n    a = 1\n  })\n  four { five = 5 }\n}\n',
  )
  expect([...(block?.attributes ?? [])].map(([name, { line }]) => [name, line])).toEqual([
    ['one', 2],
    ['two', 5],
    ['three', 8],
  ])
  expect(block?.blocks[0]?.attributes.get('five')?.text).toBe('5')
  expect([block?.type, block?.labels]).toEqual(['resource', ['a', 'b']])
})

test('survives text that is no configuration', () => {
  for (const text of ['{{{{', '}}}}', '"', '<<E', '"${"', 'a = ', 'a "b', '/*', `${'a{'.repeat(5000)}`])
    expect(() => readHcl(text)).not.toThrow()
})

const seen = (text: string) => ({ files: [], read: readTemplate([file('main.tf', text)]), start: [], stop: [], tags: {}, prebuilds: {} })
const ASKS = 'data "coder_parameter" "a" {\n  name = "a"\n'

const isConditional = (text: string) => factsOf(seen(text)).conditional

test('knows when what is asked depends on what was answered', () => {
  expect(isConditional(`${ASKS}  default = "x"\n  count = 1\n}\nlocals {\n  b = data.coder_parameter.a.value\n}\n`)).toBe(false)
  expect(isConditional(`${ASKS}}\ndata "coder_parameter" "b" {\n  count = data.coder_parameter.a.value == "x" ? 1 : 0\n}`)).toBe(true)
  expect(isConditional(`${ASKS}  default = local.d\n}\nlocals {\n  d = "x"\n}\n`)).toBe(false)
  expect(isConditional(`${ASKS}  default = local.d\n}\nlocals {\n  d = data.coder_workspace_owner.me.name\n}\n`)).toBe(true)
  expect(isConditional(`${ASKS}  dynamic "option" {\n    for_each = data.x.y.z\n  }\n}`)).toBe(true)
})

test('knows the providers, also those that nobody declared, and whether runs could be shared', () => {
  const text = 'terraform {\n  required_providers {\n    coder = { source = "coder/coder", version = "~> 2.0" }\n    old = "1.0"\n  }\n}\n'
  const facts = factsOf(seen(`${text}resource "aws_x" "y" {}\nresource "z" "y" {\n  provider = old.west\n}\n`))
  expect(facts.providers).toEqual([
    { source: 'coder/coder', version: null, constraints: '~> 2.0' },
    { source: 'hashicorp/aws', version: null, constraints: '' },
    { source: 'hashicorp/old', version: null, constraints: '1.0' },
  ])
  expect(facts.batchable).toBe(false)
  const own = 'terraform {\n  required_providers {\n    coder = { source = "coder/coder" }\n  }\n}\ndata "coder_workspace" "me" {}\n'
  expect(factsOf(seen(own)).batchable).toBe(true)
  expect(factsOf(seen(`${own}locals {\n  f = file("\${path.module}/x")\n}\n`)).batchable).toBe(false)
})

test('blanking keeps every line and every place', () => {
  const text = 'a = "x${ f("}") }y" # {\nb = <<A\n{\nA\nc = 1 // }\n'
  expect(withoutText(text)).toHaveLength(text.length)
  expect(withoutText(text).split('\n')).toHaveLength(text.split('\n').length)
  expect(withoutText(text)).not.toMatch(/[{}]/)
})
