import { once } from 'node:events'
import type { ChildProcess } from 'node:child_process'
import { systemClock, within } from '../controller/kernel/clock.ts'
import { inTurns, type Asked, type Bench } from './harness/bench.ts'
import { enteredWorkspace, startLoad, startTarget, tcpJunction, tcpRelays } from './harness/hops.ts'
import type { Line } from './harness/line.ts'
import { inPlace, killQuietly, type Place } from './harness/place.ts'
import type { Load } from './harness/pump.ts'
import { openssh, workspaceSsh, type Ssh } from './harness/ssh.ts'

/** From a key to its letter on the screen: through the same control plane and the same connection of the agent as the bytes beside it. */
export const echo: Bench = {
  name: 'echo',
  about: "typing in a terminal by ssh while 200 MB flow beside it, and beside the same with OpenSSH's server and bare relays",
  measure: (asked) => inPlace((place) => measured(asked, place)),
}

const ROUNDS = 5
const ROUNDS_QUICK = 1
const BYTES = 200e6
const BYTES_QUICK = 50e6
const IDLE_KEYS = 200
const KEYS_EVERY_MS = 5
const P99_MS_MAX = 40
const LIMIT_MS = 10_000

async function measured(asked: Asked, place: Place): Promise<readonly Line[]> {
  const target = await startTarget(place)
  const load = startLoad(place)
  const workspace = await enteredWorkspace(place, 'dev')
  const ours = { keys: await typing(place, await workspaceSsh(place, workspace)), port: (await workspace.forward(target)).port }
  const { port, clientAt } = await openssh(place)
  const agent = await tcpRelays(place, 1, target)
  const [toSsh = 0, toLoad = 0] = await tcpJunction(place, [port, agent.port])
  const theirs = { keys: await typing(place, clientAt(toSsh)), port: (await tcpRelays(place, 1, toLoad)).port }
  const busy = (typist: Typist, op: Load['op']) => async () => {
    const over = new AbortController()
    const flowing = load({ port: typist.port, op, streams: 1, bytes: asked.quick ? BYTES_QUICK : BYTES }).finally(() => over.abort())
    const found = await typist.keys.until(over.signal)
    await flowing
    return found
  }
  const found = await inTurns(asked, asked.quick ? ROUNDS_QUICK : ROUNDS, {
    idle: () => ours.keys.many(IDLE_KEYS),
    theirsIdle: () => theirs.keys.many(IDLE_KEYS),
    down: busy(ours, 'down'),
    theirsDown: busy(theirs, 'down'),
    up: busy(ours, 'up'),
    theirsUp: busy(theirs, 'up'),
  })
  const all = (side: keyof typeof found) => found[side].flat()
  return [
    line('a key, idle', all('idle'), 'sshd, idle', all('theirsIdle')),
    theirLine('the same', all('theirsIdle')),
    line('while bytes flow from the workspace', all('down'), 'sshd, the same', all('theirsDown')),
    theirLine('the same', all('theirsDown')),
    line('while bytes flow to the workspace', all('up'), 'sshd, the same', all('theirsUp')),
    theirLine('the same', all('theirsUp')),
  ]
}

const line = (what: string, values: readonly number[], besides: string, other: readonly number[]): Line => ({
  what,
  unit: 'ms',
  values,
  beside: { what: besides, values: other },
  reach: [{ of: 'p99', most: P99_MS_MAX }],
})

const theirLine = (what: string, values: readonly number[]): Line => ({ what: `  ${what} of sshd and relays`, unit: 'ms', values })

interface Typist {
  readonly keys: Keys
  /** Where bytes beside it go in. */
  readonly port: number
}

/** One key after the other, each when the one before is on the screen. */
interface Keys {
  many(count: number): Promise<readonly number[]>
  until(over: AbortSignal): Promise<readonly number[]>
}

async function typing(place: Place, ssh: Ssh): Promise<Keys> {
  const child = ssh.terminal("stty raw -echo && printf 'ready\\n' && exec cat")
  place.onLeave(() => killQuietly(child.pid ?? 0, 'SIGTERM'))
  await said(child, 'ready')
  const one = async (): Promise<number> => {
    const startedAt = systemClock.elapsedMs()
    child.stdin?.write('x')
    await answered(child)
    const tookMs = systemClock.elapsedMs() - startedAt
    // Nobody types faster, and a loop that never rests would be a load of its own.
    await systemClock.sleep(KEYS_EVERY_MS)
    return tookMs
  }
  return {
    async many(count) {
      const found: number[] = []
      while (found.length < count) found.push(await one())
      return found
    },
    async until(over) {
      const found: number[] = []
      while (!over.aborted) found.push(await one())
      return found
    },
  }
}

const answered = (child: ChildProcess): Promise<unknown> =>
  within(systemClock, LIMIT_MS, once(child.stdout!, 'data'), () => new Error('a key did not come back'))

async function said(child: ChildProcess, word: string): Promise<void> {
  let text = ''
  while (!text.includes(word)) text += String(await answered(child))
}
