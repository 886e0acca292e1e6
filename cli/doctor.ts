import { spawnSync } from 'node:child_process'
import { EXIT } from './failure.ts'
import { CHECKS, type Check, type Finding, type Machine } from './doctor-checks.ts'
import type { Environment } from './environment.ts'
import { portFrom } from './flags.ts'
import { findHome, type Home } from './home.ts'
import type { Options } from './options.ts'
import type { Run, Session } from './session.ts'
import { resolve } from 'node:path'

/** Looks at everything; exits 1 when something is wrong that keeps Bothy from working here. */
export const run: Run = async (session, _args, options) => {
  const machine = machineOf(session, options)
  const found: (Finding & { readonly name: string })[] = []
  for (const check of CHECKS) {
    const finding = { name: check.name, ...(await outcomeOf(check, machine)) }
    found.push(finding)
    if (session.output !== 'json') print(session, finding)
  }
  const wrong = found.filter(({ level }) => level === 'wrong').length
  if (session.output === 'json') session.terminal.out(JSON.stringify({ ok: wrong === 0, checks: found }, null, 2))
  else session.terminal.out(wrong === 0 ? 'Nothing keeps Bothy from working here.' : `${wrong} of ${found.length} checks are wrong.`)
  return wrong === 0 ? EXIT.done : EXIT.didNotBecomeSo
}

const DEFAULT_PORT = 7080

function machineOf(session: Session, options: Options): Machine {
  const state = options.text('state')
  const environment = state === null ? session.environment : { ...session.environment, stateDir: resolve(state) }
  return {
    environment,
    port: portFrom(options) ?? Number(environment.port ?? DEFAULT_PORT),
    run: runProgram,
    connect: async () => (state === null ? session.client() : (await standalone(environment, options, session)).client()),
  }
}

/** Of the state folder that was named, whatever else there is. */
const standalone = (environment: Environment, options: Options, { clock }: Session): Promise<Home> => {
  const given = { url: options.text('url'), token: options.text('token'), kubeconfig: null, context: null, serviceAccount: null }
  return findHome({ ...environment, stateIsNamed: true }, given, clock)
}

const PROGRAM_LIMIT_MS = 10_000

/** What a program prints; null where it cannot be run or fails. */
function runProgram(program: string, args: readonly string[]): string | null {
  const { status, stdout } = spawnSync(program, args, { encoding: 'utf8', timeout: PROGRAM_LIMIT_MS, stdio: ['ignore', 'pipe', 'ignore'] })
  return status === 0 ? stdout : null
}

/** A check that fails by itself is one more thing that is wrong, and keeps no other from being made. */
async function outcomeOf(check: Check, machine: Machine): Promise<Finding> {
  try {
    return await check.look(machine)
  } catch (error) {
    return { level: 'wrong', says: error instanceof Error ? error.message : String(error), fix: null }
  }
}

const MARKS = { fine: '✓', note: '!', wrong: '✗' } as const
const STYLES = { fine: 'green', note: 'yellow', wrong: 'red' } as const

function print({ terminal }: Session, { name, level, says, fix }: Finding & { readonly name: string }): void {
  terminal.out(`${terminal.style(STYLES[level], MARKS[level])} ${name}: ${says}`)
  if (fix !== null) terminal.out(`    to do: ${fix}`)
}
