import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { join } from 'node:path'
import { until } from '../../test/support/until.ts'
import { applyWorkspace, declaredTemplate, startUp, type ControlPlane } from './control-plane.ts'
import type { Place } from './place.ts'
import { killQuietly, processesOf } from './place.ts'
import { processorMs } from './process.ts'
import { BOTHY, environment, root, type Variables } from './programs.ts'
import type { Load } from './pump.ts'
import { isTrue, watch } from './watch.ts'

/** Programs that bytes pass on their way, each a process, and those at both ends. */

const harness = (name: string): string => join(root, 'bench', 'harness', name)
const QUIET = '--disable-warning=ExperimentalWarning'
const LIMIT_MS = 30_000

/** A way for bytes: where it begins, and what it consists of. */
export interface Way {
  readonly port: number
  /** Processor time that its processes have used, in milliseconds. */
  usedMs(): number
}

/** Ends with the place. */
export function program(place: Place, args: readonly string[], env: Variables): ChildProcess {
  const child = spawn(process.execPath, args, { env, stdio: ['pipe', 'pipe', 'inherit'] })
  place.onLeave(() => killQuietly(child.pid ?? 0, 'SIGKILL'))
  return child
}

/** What it says first, as far as it can be read. */
export async function firstWord(child: ChildProcess, pattern: RegExp): Promise<string> {
  let said = ''
  child.stdout?.on('data', (data: Buffer) => {
    if (!pattern.test(said)) said += data.toString()
  })
  await until(`a program to say ${pattern}`, () => pattern.test(said) || child.exitCode !== null, { limitMs: LIMIT_MS, everyMs: 5 })
  const found = pattern.exec(said)?.[1]
  if (found === undefined) throw new Error(`a program ended with ${child.exitCode}: ${said}`)
  return found
}

const PORT = /^(\d+)(?: \d+)*\n/

export async function startTarget(place: Place): Promise<number> {
  return Number(await firstWord(program(place, [QUIET, harness('pump.ts'), 'target'], environment('/nowhere')), PORT))
}

/** Where bytes come from and go to: in a process of its own, so that what else is measured here is not held up by them. */
export function startLoad(place: Place): (load: Load) => Promise<number> {
  const child = program(place, [QUIET, harness('pump.ts'), 'load'], environment('/nowhere'))
  const answers = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  return async (load) => {
    child.stdin?.write(`${JSON.stringify(load)}\n`)
    const { value } = await answers.next()
    const { ms, error } = JSON.parse(value ?? '{"error":"the load ended"}') as { ms?: number; error?: string }
    if (ms === undefined) throw new Error(error)
    return ms
  }
}

interface Relay {
  readonly port: number
  readonly pid: number
}

async function relay(place: Place, kind: 'tcp' | 'enter' | 'middle' | 'leave', ...ports: readonly number[]): Promise<Relay> {
  const child = program(place, [QUIET, harness('relay.ts'), kind, ...ports.map(String)], environment('/nowhere'))
  return { port: Number(await firstWord(child, PORT)), pid: child.pid ?? 0 }
}

const wayOf = (relays: readonly Relay[]): Way => ({ port: relays[0]?.port ?? 0, usedMs: () => sumOf(relays.map(({ pid }) => pid)) })

/** One relay of TCP that leads to several places. */
export async function tcpJunction(place: Place, targets: readonly number[]): Promise<readonly number[]> {
  const child = program(place, [QUIET, harness('relay.ts'), 'tcp', ...targets.map(String)], environment('/nowhere'))
  return (await firstWord(child, /^([\d ]+)\n/)).split(' ').map(Number)
}

/** Relays of TCP one after the other. */
export async function tcpRelays(place: Place, count: number, target: number): Promise<Way> {
  const made: Relay[] = []
  while (made.length < count) made.unshift(await relay(place, 'tcp', made[0]?.port ?? target))
  return wayOf(made)
}

/** As ours are joined: the last one dials the middle, and waits there for whoever comes. */
export async function webSocketRelays(place: Place, target: number): Promise<Way> {
  const middle = await relay(place, 'middle', 0)
  const leave = await relay(place, 'leave', target, middle.port)
  return wayOf([await relay(place, 'enter', middle.port), middle, leave])
}

export const relayCommand = (port: number): readonly string[] => [process.execPath, QUIET, harness('relay.ts'), 'stdio', String(port)]

/** A workspace that runs, with a control plane of its own. */
export interface Entered {
  readonly env: Variables
  readonly plane: ControlPlane
  /** `bothy port-forward` to a port there. */
  forward(target: number): Promise<Way>
}

/** `onlyWebSockets`: neither the agent nor people get through with a bare upgrade. */
export async function enteredWorkspace(place: Place, name: string, onlyWebSockets = false): Promise<Entered> {
  const home = join(place.folder, name)
  const env = environment(home)
  const preload = onlyWebSockets ? [harness('only-websockets.ts')] : []
  const plane = await startUp(place, declaredTemplate(place, `${name}-declared`), env, { preload })
  await applyWorkspace(plane.client, 'dev')
  await watch(place, plane.client, 'workspaces').when('dev', 'Ready', isTrue('Ready'))
  return {
    env,
    plane,
    async forward(target) {
      const child = program(place, [...BOTHY, 'port-forward', 'dev', `:${target}`], env)
      const port = Number(await firstWord(child, /^127\.0\.0\.1:(\d+) leads/))
      const pids = processesOf(home)
      return { port, usedMs: () => sumOf(pids) }
    },
  }
}

const sumOf = (pids: readonly number[]): number => pids.reduce((sum, pid) => sum + (processorMs(pid) || 0), 0)
