import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../controller/kernel/clock.ts'
import { readSettled } from '../../controller/source/settled-file.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { until } from '../support/until.ts'

/** What a person has on the screen before and after; the longer one begins with no document of its own. */
const TEXTS = ['greeting: hello\n', 'greeting: new\npower: 7\n']
const ENOUGH_MS = 5000
const WRITING = `const { writeFileSync } = require('node:fs')
const [file, ...texts] = process.argv.slice(1)
for (let i = 0; ; i = 1 - i) {
  writeFileSync(file, texts[i])
  for (const until = performance.now() + 0.5; performance.now() < until; );
}`

test('a file that is written all the while is read as it was at one moment', async () => {
  const file = join(temporaryFolder(), 'dev.yaml')
  const writer = spawn(process.execPath, ['-e', WRITING, file, ...TEXTS], { stdio: 'ignore' })
  const ended = new Promise((resolve) => writer.on('close', resolve))
  onTestFinished(async () => {
    writer.kill('SIGKILL')
    await ended
  })
  const whole = new Set(['', ...TEXTS])
  const read = new Set<string>()
  let halfMet = false
  const startedAt = systemClock.elapsedMs()
  // A careless reader meets half a text here, most often at once; where it takes that long the two hardly ever run together.
  const isEnough = () => halfMet || systemClock.elapsedMs() - startedAt > ENOUGH_MS
  await until('both texts to be read', async () => {
    for (let i = 0; i < 200; i += 1) read.add(await readSettled(file).then(String, () => ''))
    for (let i = 0; i < 200; i += 1) halfMet ||= !whole.has(await readFile(file, 'utf8').catch(() => ''))
    return isEnough() && TEXTS.every((text) => read.has(text))
  })
  expect([...read].filter((text) => !whole.has(text))).toEqual([])
})
