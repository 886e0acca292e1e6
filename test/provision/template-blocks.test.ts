import { expect, test } from 'vitest'
import type { TemplateFile } from '../../crds/files.ts'
import { factsOf, withoutText } from '../../controller/provision/template-blocks.ts'

const file = (path: string, content: string): TemplateFile => ({ path, encoding: 'utf8', content })

test('finds what keeps the state elsewhere, wherever it hides', () => {
  const cloud = 'terraform {\n  required_version = ">= 1"\n  cloud {\n  }\n}\n'
  expect(factsOf([file('a.tf', 'locals {}\n'), file('main.tf', cloud)]).cloudAt).toBe('main.tf:3')
  expect(factsOf([file('x.tf.json', '{"terraform":[{"cloud":{}}]}')]).cloudAt).toBe('x.tf.json')
  expect(factsOf([file('main.tf', '/* } */ terraform { cloud {} }')]).cloudAt).toBe('main.tf:1')
  expect(factsOf([file('main.tf', 'locals { a = "${"}"}" }\nterraform {\n cloud {}\n}')]).cloudAt).toBe('main.tf:3')
})

test('is not misled by words in comments, strings and other blocks', () => {
  const files = [
    file(
      'main.tf',
      '# terraform { cloud {} }\nlocals {\n  a = "terraform { cloud {} }"\n  b = <<-EOT\n  terraform { cloud {} }\n  EOT\n}\n',
    ),
    file('other.tf', 'resource "x" "y" {\n  cloud {\n  }\n}\n'),
    file('module/main.tf', 'terraform {\n  cloud {}\n}\n'),
    file('readme.md', 'terraform { cloud {} }'),
    file('broken.tf.json', '{'),
  ]
  expect(factsOf(files)).toEqual({ cloudAt: null, secretVariables: [] })
})

test('knows which variables are secret', () => {
  const text =
    '# one\nvariable "password" {\n  sensitive = true\n}\nvariable plain {\n  sensitive = false\n}\nvariable token { sensitive=true }\n'
  expect(factsOf([file('main.tf', text), file('v.tf.json', '{"variable":{"key":{"sensitive":true},"open":{}}}')]).secretVariables).toEqual([
    'password',
    'token',
    'key',
  ])
})

test('blanking keeps every line and every place', () => {
  const text = 'a = "x${ f("}") }y" # {\nb = <<A\n{\nA\nc = 1 // }\n'
  expect(withoutText(text)).toHaveLength(text.length)
  expect(withoutText(text).split('\n')).toHaveLength(text.split('\n').length)
  expect(withoutText(text)).not.toMatch(/[{}]/)
})
