import { flushCompileCache } from 'node:module'
import { jittered } from '../controller/kernel/backoff.ts'
import { systemClock, type Clock } from '../controller/kernel/clock.ts'
import { messageOf } from '../controller/kernel/errors.ts'
import { createAgent, type Agent } from './agent.ts'
import type { AgentEnvironment } from './environment.ts'
import { dial, LinkRefused } from './link.ts'
import { EXIT_REFUSED } from './protocol.ts'

const PARENT_LOOK_MS = 1000
const LOCAL_BACKOFF_MS = 1000
const REMOTE_BACKOFF_MS = 5000
/** Tried quickly at first: a control plane that restarts is back in a moment. */
const FIRST_BACKOFF_MS = 50

const say = (line: string) => void process.stderr.write(`bothy agent: ${line}\n`)

/** Dials for ever. Answers the exit code of the program. */
export async function run(environment: AgentEnvironment, clock: Clock = systemClock): Promise<number> {
  const over = new AbortController()
  const agent = createAgent(environment, clock, say)
  const end = () => over.abort()
  process.on('SIGTERM', end)
  process.on('SIGINT', end)
  if (environment.supervised) endWithParent(clock, end)
  const refused = keepLinked(agent, environment, clock, over.signal)
  const code = await Promise.race([refused, aborted(over.signal)])
  over.abort()
  await agent.end()
  return code
}

/** The supervisor is gone when somebody else has become our parent. */
function endWithParent(clock: Clock, end: () => void): void {
  const parent = process.ppid
  const look = () => {
    if (process.ppid !== parent) end()
    else clock.after(PARENT_LOOK_MS, look)
  }
  look()
}

const aborted = (signal: AbortSignal): Promise<number> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve(0), { once: true }))

/** Resolves only when the control plane refuses this agent for good. */
export async function keepLinked(
  agent: Pick<Agent, 'serve'>,
  environment: AgentEnvironment,
  clock: Clock,
  over: AbortSignal,
  tell: (line: string) => void = say,
): Promise<number> {
  let failures = 0
  let told = ''
  while (!over.aborted) {
    let url = ''
    try {
      url = environment.url()
      const link = await dial({ url, agentId: environment.agentId, token: environment.token(), clock })
      const linkedAt = clock.elapsedMs()
      const gone = agent.serve(link)
      told = ''
      clock.after(PARENT_LOOK_MS, flushCompileCache)
      await gone
      // A link that is cut at once, again and again, is a failure too.
      failures = clock.elapsedMs() - linkedAt > REMOTE_BACKOFF_MS ? 0 : failures + 1
    } catch (error) {
      failures += 1
      const message = messageOf(error)
      if (error instanceof LinkRefused) {
        tell(`the control plane at ${url} refused this agent: ${message}`)
        return EXIT_REFUSED
      }
      if (message !== told) tell(`cannot reach the control plane${url ? ` at ${url}` : ''}: ${message}`)
      told = message
    }
    const mostMs = isLoopback(url) ? LOCAL_BACKOFF_MS : REMOTE_BACKOFF_MS
    await clock.sleep(jittered(Math.min(mostMs, FIRST_BACKOFF_MS * 2 ** Math.min(failures, 10)), Math.random()), over)
  }
  return 0
}

const isLoopback = (url: string): boolean => /^(unix:|https?:\/\/(localhost|127\.|\[::1\]))/.test(url)
