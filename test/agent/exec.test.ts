import { setMaxListeners } from 'node:events'
import { afterAll, expect, test } from 'vitest'
import { withDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { startControlPlane } from './control-plane.ts'
import { person, type PersonOptions } from './person.ts'
import { makeAgent, reached, startAgent, type AgentProcess, type Made } from './world.ts'

setMaxListeners(1000)
const { db } = await withDatabase()
const plane = await startControlPlane(db)
afterAll(() => plane.close())

async function workspace(): Promise<{ made: Made; agent: AgentProcess }> {
  const made = await makeAgent(db, { env: { FROM_TEMPLATE: 'yes' } })
  const agent = startAgent(made, plane.url)
  await reached(db, made, 'Ready')
  return { made, agent }
}

async function ran(made: Made, argv: readonly string[], options: PersonOptions = {}) {
  const someone = person(plane.url, made, argv, { input: '', ...options })
  const code = await someone.code
  return { code, stdout: someone.stdout(), stderr: someone.stderr() }
}

test('a command gives its exit code, and its output and errors apart', async () => {
  const { made } = await workspace()
  expect(await ran(made, ['sh', '-c', 'echo out; echo err >&2; exit 7'])).toEqual({ code: 7, stdout: 'out\n', stderr: 'err\n' })
  expect(await ran(made, ['sh', '-c', 'kill -9 $$'])).toEqual({ code: 137, stdout: '', stderr: '' })
  expect(await ran(made, ['cat'], { input: 'from here\n' })).toEqual({ code: 0, stdout: 'from here\n', stderr: '' })
})
