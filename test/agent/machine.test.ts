import { randomUUID } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../controller/kernel/clock.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { processMachines } from '../../controller/machines/process.ts'
import type { ProcessMachines } from '../../provider/port.ts'
import { withDatabase } from '../support/postgres.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { until } from '../support/until.ts'
import { startControlPlane } from './control-plane.ts'
import { AGENT, makeAgent, reached, script, type Made } from './world.ts'

const { db } = await withDatabase()
const plane = await startControlPlane(db)
afterAll(() => plane.close())

/** A process machine with its real supervisor and the real agent. */
async function machine(made: Made): Promise<{ machines: ProcessMachines; home: string }> {
  const stateDir = temporaryFolder('bothy-state-')
  mkdirSync(stateDir, { recursive: true })
  writeFileSync(join(stateDir, 'url'), `${plane.url}\n`)
  const machines = processMachines({
    stateDir,
    workspace: { uid: randomUUID(), name: made.workspace, owner: 'ada' },
    urlFile: join(stateDir, 'url'),
    clock: systemClock,
    log: silentLog,
    agentOf: () => ({ token: made.token }),
    command: { node: process.execPath, script: AGENT },
    environment: { PATH: process.env['PATH'] },
  })
  const { home } = await machines.create({ name: 'main', agentId: made.id, home: null, env: {}, shell: null })
  onTestFinished(() => machines.destroy('main', { removeHome: true }))
  return { machines, home }
}

test('a machine that is destroyed lets its stop scripts finish, and nothing of it is left', async () => {
  const made = await makeAgent(db, {
    scripts: [
      script('server', 'sleep 1000 > /dev/null 2>&1 & echo $! > "$HOME/server"'),
      script('bye', 'sleep 1.5; echo done > "$HOME/bye"', { on: 'stop' }),
    ],
  })
  const { machines, home } = await machine(made)
  await reached(db, made, 'Ready')
  await machines.destroy('main', { removeHome: false })
  expect(readFileSync(join(home, 'bye'), 'utf8')).toBe('done\n')
  expect((await reached(db, made, 'Off')).lifecycle).toBe('Off')
  expect(readdirSync('/proc').filter((pid) => environmentOf(pid).includes(home))).toEqual([])
})

test('an agent that is killed is started again in its machine, at the beginning', async () => {
  const made = await makeAgent(db)
  const { home } = await machine(made)
  const { runId } = await reached(db, made, 'Ready')
  const pid = readdirSync('/proc').find(
    (each) => environmentOf(each).includes(home) && commandOf(each).includes(AGENT) && !commandOf(each).startsWith('/bin/sh'),
  )
  process.kill(Number(pid), 'SIGKILL')
  await until('another run to be ready', async () => (await reached(db, made, 'Ready')).runId !== runId)
})

const environmentOf = (pid: string): string => (/^\d+$/.test(pid) ? readQuietly(`/proc/${pid}/environ`) : '')
const commandOf = (pid: string): string => readQuietly(`/proc/${pid}/cmdline`)

function readQuietly(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
