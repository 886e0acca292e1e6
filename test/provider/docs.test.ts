import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { outdatedPages, pages } from '../../provider/generate-docs.ts'
import { EXAMPLES } from '../../provider/schema/examples.ts'
import { TABLE } from '../../provider/schema/table.ts'
import { recordingHost } from './host.ts'
import { REQUIRED, terraformWith, type Terraform } from './terraform.ts'

let terraform: Terraform
beforeAll(async () => {
  terraform = await terraformWith(recordingHost())
})
afterAll(() => terraform.close())

test('the pages are what the table gives', () => {
  expect(outdatedPages()).toEqual([])
  expect(pages().size).toEqual(TABLE.length + 1)
})

test('every attribute and block of every type is on its page', () => {
  for (const { name, kind, block } of TABLE) {
    const page = pages().get(`${kind === 'data' ? 'data-' : ''}${name}.md`) ?? ''
    for (const attribute of Object.keys(block.attributes)) expect(page).toContain(`| \`${attribute}\` |`)
    for (const nested of Object.keys(block.blocks ?? {})) expect(page).toContain(`\n## ${nested}\n`)
  }
})

test('every type has an example, and terraform finds nothing wrong with any', async () => {
  expect(Object.keys(EXAMPLES).toSorted()).toEqual(TABLE.map(({ name }) => name).toSorted())
  for (const [name, text] of Object.entries(EXAMPLES)) {
    await mkdir(join(terraform.folder, name))
    await writeFile(join(terraform.folder, name, 'main.tf'), REQUIRED + text)
    await writeFile(join(terraform.folder, name, 'dotfiles.sh'), 'true\n')
    expect(text).toContain(`"bothy_${name}" `)
  }
  await terraform.write(
    Object.keys(EXAMPLES)
      .map((name) => `module "${name}" {\n  source = "./${name}"\n}\n`)
      .join(''),
  )
  expect(await terraform.run('init', '-no-color')).toMatchObject({ code: 0 })
  expect(JSON.parse((await terraform.run('validate', '-json')).output)).toMatchObject({ valid: true, diagnostics: [] })
  const formatted = await terraform.run('fmt', '-check', '-diff', '-recursive', ...Object.keys(EXAMPLES))
  expect(formatted).toEqual({ code: 0, output: '' })
})
