import { expect, onTestFinished, test } from 'vitest'
import { withDatabase } from '../support/postgres.ts'
import { startControlPlane, type ControlPlane } from './control-plane.ts'
import { makeAgent, reached, rowOf, startAgent } from './world.ts'

const { db } = await withDatabase()

async function controlPlane(): Promise<ControlPlane> {
  const plane = await startControlPlane(db)
  onTestFinished(() => plane.close())
  return plane
}

test('an agent dials in, says hello and becomes ready', async () => {
  const plane = await controlPlane()
  const made = await makeAgent(db)
  const agent = startAgent(made, plane.url)
  const row = await reached(db, made, 'Ready')
  expect({ version: row.version, disconnectedAt: row.disconnectedAt, message: row.message, output: agent.output() }).toEqual({
    version: '0.1.0',
    disconnectedAt: null,
    message: '',
    output: '',
  })
})
