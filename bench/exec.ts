import { PassThrough, Writable } from 'node:stream'
import { runExec } from '../cli/exec.ts'
import type { Client } from '../cli/client.ts'
import { systemClock } from '../controller/kernel/clock.ts'
import { paired, timed, type Asked, type Bench } from './harness/bench.ts'
import { applyWorkspace, bringDown, declaredTemplate, startUp } from './harness/control-plane.ts'
import type { Line } from './harness/line.ts'
import { inPlace, type Place } from './harness/place.ts'
import { bareNodeMs, BOTHY, environment, node, run } from './harness/programs.ts'
import { isTrue, watch } from './harness/watch.ts'

export const exec: Bench = {
  name: 'exec',
  about: '`true` in a workspace, through the API and the connection of its agent',
  measure: (asked) => inPlace((place) => measured(asked, place)),
}

const CALLS = 100
const COMMANDS = 15
const QUICK = 3

async function measured(asked: Asked, place: Place): Promise<readonly Line[]> {
  const env = environment(place.folder)
  const { client } = await startUp(place, declaredTemplate(place), env)
  await applyWorkspace(client, 'dev')
  await watch(place, client, 'workspaces').when('dev', 'Ready', isTrue('Ready'))
  const calls = await paired(
    asked,
    asked.quick ? QUICK : CALLS,
    () => timed(() => call(client)),
    () => timed(() => run('true', [], env)),
  )
  const command = [...BOTHY, 'exec', 'dev', '--', 'true']
  const commands = await paired(
    asked,
    asked.quick ? QUICK : COMMANDS,
    () => timed(() => node(command, env)),
    () => bareNodeMs(env),
  )
  await bringDown(env)
  return [
    { what: 'exec true, by the client', unit: 'ms', values: calls.ours, beside: { what: 'spawning true here', values: calls.theirs } },
    { what: 'bothy exec dev -- true', unit: 'ms', values: commands.ours, beside: { what: 'bare node', values: commands.theirs } },
  ]
}

const sink = (): Writable => new Writable({ write: (_chunk, _encoding, done) => done() })

/** The command line's own client, in this process: from dialling to the exit code. */
async function call({ endpoint }: Client): Promise<void> {
  const stdin = new PassThrough()
  stdin.end()
  const code = await runExec({
    endpoint,
    namespace: 'default',
    workspace: 'dev',
    agent: null,
    argv: ['true'],
    tty: false,
    cwd: null,
    env: {},
    io: { stdin, stdout: sink(), stderr: sink() },
    clock: systemClock,
  })
  if (code !== 0) throw new Error(`true exited with ${code}`)
}
