import { expect, test } from 'vitest'
import { asJson, createLog, jsonLog } from '../../controller/kernel/log.ts'
import { asText } from '../../controller/kernel/readable-log.ts'
import { steppedClock } from '../support/clock.ts'

/** What somebody reads who started a control plane of a cluster in a terminal. */

const clock = steppedClock()
const hour = new Date(clock.now()).toTimeString().slice(0, 8)

function logged() {
  const lines: string[] = []
  const json: string[] = []
  const log = createLog(clock, 'info', [asText((line) => lines.push(line)), asJson((line) => json.push(line))])
  return { log, lines, json }
}

test('a line is the time here, a sentence, and what else is known', () => {
  const { log, lines, json } = logged()
  log.debug('not told')
  log.info('the control plane is up', { url: 'http://x', none: null, empty: '', port: 7080 })
  log.with({ part: 'leading' }).warn('it goes on', { pauses: [1, 2], why: 'two words', token: 'secret' })
  log.error('a bug', { error: new Error('it broke\n  in two') })
  expect(lines).toEqual([
    `${hour}  the control plane is up   url=http://x port=7080\n`,
    `${hour}  warning: it goes on   part=leading pauses=[1,2] why="two words" token=[redacted]\n`,
    `${hour}  error: a bug   error="it broke\\n  in two"\n`,
  ])
  expect(json.map((line) => (JSON.parse(line) as { message: string }).message)).toEqual(['the control plane is up', 'it goes on', 'a bug'])
  expect(json[2]).toContain('readable-log.test.ts')
})

test('what a process of ours says is lines of its own', () => {
  const { log, lines } = logged()
  const said: string[] = []
  jsonLog(clock, 'info', (line) => said.push(line), { process: 'provisioner' }).warn('no bubblewrap', { isolation: 'none' })
  log.info('provisioner says', { text: `${said.join('')}(node:1) Warning: x` })
  log.info('provisioner says', { text: 'plain words' })
  expect(lines).toEqual([
    `${hour}  warning: no bubblewrap   process=provisioner isolation=none\n`,
    `${hour}  (node:1) Warning: x\n`,
    `${hour}  provisioner says   text="plain words"\n`,
  ])
})

test('nothing that somebody else wrote moves the cursor or begins a line', () => {
  const { log, lines } = logged()
  log.info('a job ended\nforged', { subject: 'x\u001b[2Jy\u009b2Jz', text: '\u001b]0;title\u0007' })
  expect(lines).toHaveLength(1)
  // oxlint-disable-next-line no-control-regex -- none of them is to be left
  expect(lines[0]?.slice(0, -1)).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/)
})
