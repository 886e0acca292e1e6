import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { installProvider, platformOf } from '../../provider/install.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { differences, flatState, type Flat } from './compare.ts'
import { GIVEN_UUIDS, START } from './environments.ts'
import { openSide, rootOf, type Which } from './sides.ts'

/** The corpus again with our own provider alone: under our own names, and started by terraform. */

const CORPUS = join(import.meta.dirname, 'corpus')
const NAMES = readdirSync(CORPUS).toSorted()

async function applied(which: Which, mirror: string, change: (text: string) => string = (text) => text): Promise<Flat> {
  const side = await openSide(which, mirror, async (folder) => {
    await rootOf(CORPUS, NAMES)(folder)
    for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((each) => each.endsWith('.tf'))) {
      writeFileSync(join(folder, name), change(readFileSync(join(folder, name), 'utf8')))
    }
  })
  onTestFinished(() => side.close())
  await side.must('init')
  await side.as(START)
  await side.must('apply', '-auto-approve', '-input=false')
  return flatState(await side.stateText(), GIVEN_UUIDS)
}

const ourName = (text: string): string =>
  text
    .replaceAll(/"coder_/g, '"bothy_')
    .replaceAll(/\bcoder_([a-z_]+\.)/g, 'bothy_$1')
    .replaceAll('source = "coder/coder"', 'source = "bothy/bothy"')
    .replaceAll(/^(\s*)coder = \{/gm, '$1bothy = {')
    .replaceAll('provider "coder"', 'provider "bothy"')

const renamed = (state: Flat): Flat => new Map([...state].map(([path, value]) => [ourName(path), ourName(value)]))

test('every template under our names makes what it makes under the reference’s', async () => {
  const theirs = renamed(await applied('ours', ''))
  const ours = await applied('ours', '', ourName)
  expect(theirs.size).toBeGreaterThan(1000)
  expect(differences(theirs, ours)).toEqual([])
})

test('every template makes the same with a provider that terraform has started', async () => {
  const mirror = temporaryFolder()
  await installProvider(mirror, '0.1.0', platformOf(process.platform, process.arch))
  expect(differences(await applied('ours', ''), await applied('launched', mirror))).toEqual([])
})
