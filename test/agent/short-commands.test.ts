import { readdirSync, readFileSync } from 'node:fs'
import { afterAll, expect, test } from 'vitest'
import { CLEARS_AT_USR2, growthFromNow, heldBy } from '../support/memory.ts'
import { isSoak } from '../support/soak.ts'
import { withDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { startControlPlane } from './control-plane.ts'
import { person } from './person.ts'
import { AGENT, makeAgent, reached, startAgent } from './world.ts'

const { db } = await withDatabase()
const plane = await startControlPlane(db)
afterAll(() => plane.close())

const COUNT = isSoak ? 10_000 : 500
const AT_ONCE = 10
/** Heaps grow to their level first. */
const WARM = Math.min(200, COUNT / 2)
const GROWN_MIB_MAX = isSoak ? 60 : 40

const handles = (pid: number) => readdirSync(`/proc/${pid}/fd`).length
const childrenOf = (pid: number) => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()

test(`${COUNT} short commands leave nothing behind in the agent`, { timeout: isSoak ? 600_000 : 60_000 }, async () => {
  const made = await makeAgent(db)
  const agent = startAgent(made, plane.url, { command: [process.execPath, ...CLEARS_AT_USR2, AGENT] })
  await reached(db, made, 'Ready')
  const run = async (count: number) => {
    for (let done = 0; done < count; done += AT_ONCE) {
      const answers = await Promise.all(
        Array.from({ length: AT_ONCE }, async (_, i) => {
          const someone = person(plane.url, made, ['sh', '-c', `echo ${done + i}; exit ${i}`], { input: '' })
          return [await someone.code, someone.stdout()]
        }),
      )
      expect(answers).toEqual(Array.from({ length: AT_ONCE }, (_, i) => [i, `${done + i}\n`]))
    }
  }
  await run(WARM)
  const before = { handles: handles(agent.pid), growth: await growthFromNow(heldBy(agent.pid)) }
  await run(COUNT - WARM)
  await until('every child to be gone', () => childrenOf(agent.pid) === '')
  await until('every handle to be closed', () => handles(agent.pid) <= before.handles + 2)
  await before.growth.isLessThan(GROWN_MIB_MAX)
})
