import { problem } from '../../provider/schema/rules.ts'
import { Wrong } from '../../provider/session.ts'
import type { Clock } from '../kernel/clock.ts'
import { messageOf } from '../kernel/errors.ts'
import { DockerAway, DockerRefused, type Docker } from './docker.ts'

/** The reason of the build goes by this summary. */
export const DOCKER_AWAY = 'Docker is not available'

const AWAY_MS = 60_000
const LOOK_AGAIN_MS = 500

export interface Waiter {
  readonly docker: Docker
  readonly clock: Clock
  readonly say: (line: string) => void
  /** How long a build waits for a daemon that does not answer. */
  readonly awayMs?: number
}

/** What Docker says no to, and that it says nothing, in words for whoever reads the build's log. */
export async function whenAnswering<T>(waiter: Waiter, signal: AbortSignal | null, work: () => Promise<T>): Promise<T> {
  try {
    await whenThere(waiter, signal)
    return await work()
  } catch (error) {
    if (error instanceof DockerAway) throw away(error)
    if (error instanceof DockerRefused) throw new Wrong(problem([], 'Docker refused', messageOf(error)))
    throw error
  }
}

const away = (error: DockerAway) => new Wrong(problem([], DOCKER_AWAY, `${error.message}. ${hintFor(error.message)}`))

const hintFor = (message: string): string =>
  message.includes('EACCES')
    ? 'Let the user that runs Bothy use this socket: the group "docker" may.'
    : 'Start Docker or Podman, or say where it listens with BOTHY_DOCKER.'

/** A daemon that restarts is back in seconds: a build waits for it, and says so. */
async function whenThere({ docker, clock, say, awayMs = AWAY_MS }: Waiter, signal: AbortSignal | null): Promise<void> {
  const since = clock.elapsedMs()
  for (let told = false; ;) {
    try {
      return await docker.ping()
    } catch (error) {
      if (!(error instanceof DockerAway) || clock.elapsedMs() - since > awayMs) throw error
      if (!told) say(`Waiting for Docker: ${error.message}.`)
      told = true
    }
    await clock.sleep(LOOK_AGAIN_MS, signal ?? undefined)
    if (signal?.aborted) throw new Wrong(problem([], 'Canceled', 'The build was canceled while it waited for Docker.'))
  }
}
