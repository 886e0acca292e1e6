import { afterAll, describe, expect, test } from 'vitest'
import type { Variables } from '../../provider/launched-environment.ts'
import { ACTIONS, agree, NAMES, sidesOf, unneeded } from './agree.ts'
import { BY_HAND, CLAIM, PREBUILD, TASK } from './environments.ts'
import { oracle } from './provider.ts'
import type { Side } from './sides.ts'

/** Every template of the corpus in builds that are not everyday ones. */

const found = await oracle()
const skipped = 'missing' in found ? found.missing : null

describe.skipIf(skipped !== null)(`templates of the reference run unchanged${skipped ? ` (skipped: ${skipped})` : ''}`, () => {
  const open: Side[] = []
  afterAll(() => Promise.all(open.map((side) => side.close())))

  test.each<[string, Variables]>([
    ['by hand, with next to nothing set', BY_HAND],
    ['in a task', TASK],
    ['before anybody owns it', PREBUILD],
  ])('%s', async (_, variables) => {
    const sides = await sidesOf(found, NAMES)
    open.push(...sides)
    expect(await agree(sides, variables)).toBeGreaterThan(1000)
  })

  test('built before anybody owned it, and claimed', async () => {
    const sides = await sidesOf(found, ['agent-minimal', 'prebuild', 'workspace-owner', 'docker-style'])
    open.push(...sides)
    await agree(sides, PREBUILD)
    await agree(sides, CLAIM)
    expect(unneeded(ACTIONS)).toEqual([])
  })
})
