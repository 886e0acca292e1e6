import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { randomUUID } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock, type Clock } from '../../controller/kernel/clock.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { processMachines } from '../../controller/machines/process.ts'
import { machineName } from '../../controller/machines/record.ts'
import type { ProcessMachines, ProcessWanted } from '../../provider/port.ts'
import { until } from '../support/until.ts'

/** Machines below a temporary state folder, with a shell script where the agent would be. */
export interface World {
  readonly stateDir: string
  readonly uid: string
  /** What `bothy-<uid>-<name>` is called here. */
  machine(name?: string): string
  folder(name?: string): string
  machines(clock?: Clock): ProcessMachines
  agent(script: string): Promise<void>
  close(): Promise<void>
}

/** Says what it was given, then waits. `exec` would hide it from the arguments. */
export const PLAIN_AGENT = `
env | sort > "$HOME/environment"
echo $$ >> "$HOME/pids"
trap 'exit 0' TERM
while :; do sleep 60 & wait $!; done
`

export async function world(): Promise<World> {
  const stateDir = await mkdtemp(join(tmpdir(), 'bothy-machines-'))
  const uid = randomUUID()
  const script = join(stateDir, 'agent')
  await writeFile(script, PLAIN_AGENT)
  await writeFile(join(stateDir, 'url'), 'http://127.0.0.1:1\n')
  const machine = (name = 'main') => machineName(uid, name)
  const machines = (clock: Clock = systemClock) =>
    processMachines({
      stateDir,
      workspace: { uid, name: 'dev', owner: 'ada' },
      urlFile: join(stateDir, 'url'),
      clock,
      log: silentLog,
      agentOf: (id) => (id.startsWith('agent') ? { token: `secret-of-${id}` } : undefined),
      command: { node: '/bin/sh', script },
      environment: { PATH: process.env['PATH'], LANG: 'C', DATABASE_URL: 'postgres://secret' },
    })
  return {
    stateDir,
    uid,
    machine,
    folder: (name) => join(stateDir, 'machines', machine(name)),
    machines,
    agent: (text) => writeFile(script, text),
    async close() {
      for (const name of ['main', 'other']) await machines().destroy(name, { removeHome: true })
      await rm(stateDir, { recursive: true, force: true })
    },
  }
}

const HURRY_MS = 1_100

/**
 * Ten times as fast as real time at first, so that the ten seconds a machine is given to end by itself are over after one. Then
 * as fast as real time: how soon a busy machine lets those die that were killed is nothing to hurry.
 */
export function hurriedClock(): Clock {
  const startedAt = systemClock.elapsedMs()
  const elapsedMs = () => {
    const realMs = systemClock.elapsedMs() - startedAt
    return realMs + 9 * Math.min(realMs, HURRY_MS)
  }
  return { ...systemClock, elapsedMs }
}

export const wanted = (more: Partial<ProcessWanted> = {}): ProcessWanted => ({
  name: 'main',
  agentId: 'agent-1',
  home: null,
  env: { COLOUR: 'green' },
  shell: null,
  ...more,
})

/** The processes that the script has noted down in its home, oldest first. */
export const agentPids = async (home: string, count: number): Promise<readonly number[]> =>
  until(`${count} runs of the agent`, async () => {
    // Whole lines: a shell makes the file before it writes into it.
    const pids = (await readFile(join(home, 'pids'), 'utf8')).split('\n').slice(0, -1).map(Number)
    return pids.length >= count ? pids : null
  })
