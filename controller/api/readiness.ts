import { within } from '../kernel/clock.ts'
import { messageOf } from '../kernel/errors.ts'
import { answerJson } from './answer.ts'
import { callerOf, refuseWithoutRight } from './guard.ts'
import type { Call, Check, Handler } from './ports.ts'
import { notReady, type Wrong } from './system.ts'
import { wishOf } from './wish.ts'

/**
 * Whether the control plane can do its work. Everybody may ask, as whatever starts and restarts it does, and is told the names of what
 * is amiss. Why, which may name hosts and databases, is for those who may read the metrics, and for the log.
 */

const CHECK_LIMIT_MS = 2_000

/** What the log was told last of a control plane: whoever asks every other second would fill it. */
const logged = new WeakMap<readonly Check[], string>()

export const readyz: Handler = async (call) => {
  const { checks, log } = call.ports
  const looked = await Promise.all(checks.map(async (check) => ({ name: check.name, wrong: await wrongWith(call, check) })))
  const wrong = looked.flatMap(({ name, wrong: found }) => (found === null ? [] : [{ name, wrong: found }]))
  const isWell = wrong.length === 0
  const text = textOf(wrong)
  if (text !== (logged.get(checks) ?? '')) {
    logged.set(checks, text)
    if (isWell) log.info('ready again')
    else log.warn('not ready', { wrong: text })
  }
  if (isWell) return answerJson(call.response, 200, { status: 'ok', checks: looked.map(({ name }) => name) })
  throw notReady((await mayKnow(call)) ? wrong : wrong.map(({ name }) => ({ name, wrong: null })))
}

const textOf = (wrong: readonly Wrong[]): string => wrong.map((each) => `${each.name}: ${each.wrong}`).join(', ')

async function mayKnow({ ports, request }: Call): Promise<boolean> {
  if (request.headers.authorization === undefined) return false
  try {
    const caller = await callerOf(request, ports.authority, null)
    await refuseWithoutRight(ports.authority, caller, wishOf('GET', '/metrics', new URLSearchParams()))
    return true
  } catch {
    // Whoever it is, and also where it cannot be said just now: they are told what anybody is.
    return false
  }
}

async function wrongWith({ ports }: Call, check: Check): Promise<string | null> {
  try {
    return await within(ports.clock, CHECK_LIMIT_MS, check.look(), () => new Error(`no answer within ${CHECK_LIMIT_MS / 1000} s`))
  } catch (error) {
    return messageOf(error)
  }
}
