import { Refused } from '../kernel/errors.ts'
import { answerJson } from './answer.ts'
import type { EarlyCall, Handler } from './ports.ts'

/** What is asked about the control plane itself. */

/** The API server whose behaviour this is; kubectl compares it with its own version. */
const KUBERNETES = { major: '1', minor: '32' } as const

export const version: Handler = async ({ ports, response }) => {
  const { major, minor } = KUBERNETES
  const gitVersion = `v${major}.${minor}.0+bothy-${ports.version}`
  const platform = `${process.platform}/${process.arch}`
  answerJson(response, 200, { major, minor, gitVersion, gitTreeState: 'clean', platform })
}

/** It runs; whether it can do its work is for readyz. */
export const healthz = async ({ response }: Pick<EarlyCall, 'response'>): Promise<void> => answerJson(response, 200, { status: 'ok' })

const OPENING: Wrong = { name: 'migration', wrong: 'the database is being opened and brought up to date' }

/** Before there is a database, it runs, and that is all. */
export async function answerEarly(call: EarlyCall): Promise<void> {
  if (call.path === '/healthz') return healthz(call)
  throw notReady()
}

export interface Wrong {
  readonly name: string
  /** null: it is not for whoever asks. */
  readonly wrong: string | null
}

export const notReady = (wrong: readonly Wrong[] = [OPENING]): Refused =>
  new Refused(
    'ServiceUnavailable',
    `not ready: ${wrong.map((each) => (each.wrong === null ? each.name : `${each.name} (${each.wrong})`)).join(', ')}`,
    {
      retryAfterSeconds: 1,
      causes: wrong.map((each) => ({
        reason: 'NotReady',
        field: each.name,
        message: each.wrong ?? 'the log of the control plane says why',
      })),
    },
  )

export const metrics: Handler = async ({ ports, response }) => {
  response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' })
  response.end(await ports.metrics.page())
}

export const status: Handler = async ({ ports, response }) => answerJson(response, 200, await ports.status())

export const down: Handler = async ({ ports, caller, response }) =>
  answerJson(response, 202, (await ports.down(caller.user)) ?? { status: 'ok' })
