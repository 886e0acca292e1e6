import { within } from '../kernel/clock.ts'
import { messageOf, Refused } from '../kernel/errors.ts'
import { answerJson } from './answer.ts'
import type { Call, Check, EarlyCall, Handler } from './ports.ts'

/** What is asked about the control plane itself. */

const CHECK_LIMIT_MS = 2_000

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

export const readyz: Handler = async (call) => {
  const looked = await Promise.all(call.ports.checks.map(async (check) => ({ name: check.name, wrong: await wrongWith(call, check) })))
  const wrong = looked.flatMap(({ name, wrong: found }) => (found === null ? [] : [{ name, wrong: found }]))
  if (wrong.length > 0) throw notReady(wrong)
  answerJson(call.response, 200, { status: 'ok', checks: looked.map((check) => check.name) })
}

interface Wrong {
  readonly name: string
  readonly wrong: string
}

export const notReady = (wrong: readonly Wrong[] = [OPENING]): Refused =>
  new Refused('ServiceUnavailable', `not ready: ${wrong.map((each) => `${each.name} (${each.wrong})`).join(', ')}`, {
    retryAfterSeconds: 1,
    causes: wrong.map((each) => ({ reason: 'NotReady', field: each.name, message: each.wrong })),
  })

async function wrongWith({ ports }: Call, check: Check): Promise<string | null> {
  try {
    return await within(ports.clock, CHECK_LIMIT_MS, check.look(), () => new Error(`no answer within ${CHECK_LIMIT_MS / 1000} s`))
  } catch (error) {
    return messageOf(error)
  }
}

export const metrics: Handler = async ({ ports, response }) => {
  response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' })
  response.end(await ports.metrics.page())
}

export const status: Handler = async ({ ports, response }) => answerJson(response, 200, await ports.status())

export const down: Handler = async ({ ports, caller, response }) =>
  answerJson(response, 202, (await ports.down(caller.user)) ?? { status: 'ok' })
