import { afterAll, expect, test } from 'vitest'
import { Refused } from '../../controller/kernel/errors.ts'
import { withDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { startControlPlane } from './control-plane.ts'
import { person } from './person.ts'
import { makeAgent, reached, startAgent } from './world.ts'

const { db } = await withDatabase()
const suspended = new Set<string>()
const plane = await startControlPlane(db, 0, ({ uid }) => (suspended.has(uid) ? new Refused('Forbidden', 'The owner is suspended.') : null))
afterAll(() => plane.close())

test('what people do in a workspace that is closed to them ends at once, and nobody enters; others go on', async () => {
  const [mine, other] = [await makeAgent(db), await makeAgent(db)]
  for (const made of [mine, other]) {
    startAgent(made, plane.url)
    await reached(db, made, 'Ready')
  }
  const [cut, kept] = [mine, other].map((made) => person(plane.url, made, ['sh', '-c', 'echo here; cat']))
  await until('both to be in', () => cut!.stdout() === 'here\n' && kept!.stdout() === 'here\n')
  suspended.add(mine.workspace)
  plane.connections.review()
  await expect(cut!.code).rejects.toThrow('The owner is suspended.')
  await expect(person(plane.url, mine, ['true']).code).rejects.toThrow('The owner is suspended.')
  // Its agent stays: it still has stop scripts to run.
  expect(plane.connections.connected).toBe(2)
  kept!.stdin.end('still\n')
  expect(await kept!.code).toBe(0)
  expect(kept!.stdout()).toBe('here\nstill\n')
  suspended.clear()
  expect(await person(plane.url, mine, ['true']).code).toBe(0)
})
