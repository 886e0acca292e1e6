import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { FORM_TYPES } from '../../provider/schema/parameter.ts'
import { TABLE } from '../../provider/schema/table.ts'
import { agree, CORPUS, KNOWN, NAMES, PLANNED, sidesOf, unneeded } from './agree.ts'
import { DESTROY, START, STOP } from './environments.ts'
import { oracle } from './provider.ts'
import type { Side } from './sides.ts'

/** Every template of the corpus through the life of a workspace. */

const TEXTS = NAMES.map((name) => readFileSync(join(CORPUS, name, 'main.tf'), 'utf8')).join('\n')

test('the corpus has every type that the reference has, every block, and every form of a parameter', () => {
  // The version that is measured against has no secrets.
  const shared = TABLE.filter(({ prefixes, name }) => prefixes === 'both' && name !== 'secret')
  for (const { kind, name, block } of shared) {
    expect(TEXTS).toMatch(new RegExp(`^${kind} "coder_${name}" `, 'm'))
    for (const nested of Object.keys(block.blocks ?? {})) expect(TEXTS).toMatch(new RegExp(`^ +(dynamic ")?${nested}"? \\{`, 'm'))
  }
  // The first of each is what a parameter takes that says nothing; all types are there with options and without.
  for (const { options, free } of Object.values(FORM_TYPES)) {
    for (const form of [...options.slice(1), ...free.slice(1)]) expect(TEXTS).toContain(`form_type = "${form}"`)
  }
})

const found = await oracle()
const skipped = 'missing' in found ? found.missing : null

describe.skipIf(skipped !== null)(`templates of the reference run unchanged${skipped ? ` (skipped: ${skipped})` : ''}`, () => {
  const open: Side[] = []
  afterAll(() => Promise.all(open.map((side) => side.close())))

  test(`${NAMES.length} templates: started, stopped, started again and destroyed`, async () => {
    const sides = await sidesOf(found, NAMES)
    open.push(...sides)
    expect(NAMES.length).toBeGreaterThanOrEqual(30)
    expect(await agree(sides, START)).toBeGreaterThan(1000)
    expect(await agree(sides, STOP)).toBeGreaterThan(500)
    await agree(sides, START)
    expect(await agree(sides, DESTROY, true)).toEqual(0)
  })

  test('every difference that is named is still one', () => {
    expect(unneeded([...KNOWN, ...PLANNED])).toEqual([])
  })
})
