import { EventEmitter } from 'node:events'
import type { Http2Session } from 'node:http2'
import type { Duplex } from 'node:stream'
import { expect, test } from 'vitest'
import { watchFlood } from '../../controller/connect/flood.ts'
import { steppedClock } from '../support/clock.ts'

/** What counts as a flood, second by second. */

const MIB = 1024 * 1024

function watched() {
  const clock = steppedClock()
  const link = { bytesRead: 0, idle: true, cut: [] as string[] }
  const session = Object.assign(new EventEmitter(), { destroyed: false }) as unknown as Http2Session
  watchFlood({ session, connection: link as unknown as Duplex, idle: () => link.idle, cut: (why) => link.cut.push(why) }, clock)
  const second = async (idle: boolean, bytes: number) => {
    link.idle = idle
    link.bytesRead += bytes
    await clock.step(1000)
  }
  return { link, second }
}

test('a download, and what was on its way when it ended, is no flood', async () => {
  const { link, second } = watched()
  await second(false, 400 * MIB)
  for (let i = 0; i < 4; i += 1) await second(true, 5 * MIB)
  await second(false, 400 * MIB)
  await second(true, 5 * MIB)
  expect(link.cut).toEqual([])
})

test('bytes that nobody asked for are one', async () => {
  const { link, second } = watched()
  for (let i = 0; i < 5; i += 1) await second(true, 5 * MIB)
  expect(link.cut).toEqual(['the agent floods its link'])
})
