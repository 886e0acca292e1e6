import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { killQuietly, temporaryHome, type Home, type Up } from '../support/bothy.ts'
import { until } from '../support/until.ts'

/** SIGKILL of each process in turn, at rest and in the middle of a build: it converges by itself, with one machine. */

const matching = (home: Home, pattern: RegExp) => home.processes().filter(({ command }) => pattern.test(command))
const AGENT = /^(?!.*supervise\.sh).*agent\/main\.ts/
const SUPERVISOR = /agent\/supervise\.sh/
const PROVISIONER = /controller\/main\.ts provisioner/
const POSTGRES = /\/postgres -D|\/postgres .*-D/
const TERRAFORM = /terraform.* (apply|plan|destroy)/

interface WorkspaceJson {
  readonly status: {
    readonly build: { readonly number: number; readonly finishedAt?: string }
    readonly conditions: readonly { readonly type: string; readonly status: string }[]
  }
}

/** A failed build is tried again after 10 s, then 20, then 40; and other files may be writing images to the same disk. */
const CONVERGED_MS = 150_000

const buildOf = async (home: Home) => (await home.json<WorkspaceJson>('get', 'workspace', 'dev')).status.build

/** What was asked last, and what the control plane says of it, is in the error. */
async function usable(home: Home, greeting?: string): Promise<number> {
  let last = ''
  try {
    return await used(home, (said) => (last = said), greeting)
  } catch (error) {
    const [events, why, log] = await Promise.all([home.run(['events']), home.run(['why', 'workspace/dev']), home.run(['logs', 'dev'])])
    throw new Error([String(error), last, events.stdout, why.stdout, log.stdout].join('\n'), { cause: error })
  }
}

async function used(home: Home, tell: (said: string) => void, greeting?: string): Promise<number> {
  await until(
    'a usable workspace',
    async () => {
      const { code, stdout, stderr } = await home.run(['exec', 'dev', '--', 'sh', '-c', 'echo $GREETING'])
      tell(`exec: ${code} ${stdout}${stderr}`)
      return code === 0 && (greeting === undefined || stdout.trim() === greeting)
    },
    { limitMs: CONVERGED_MS, everyMs: 250 },
  )
  await until(
    'Ready',
    async () => {
      const { status } = await home.json<WorkspaceJson>('get', 'workspace', 'dev')
      return status.conditions.some(({ type, status }) => type === 'Ready' && status === 'True')
    },
    { limitMs: CONVERGED_MS, everyMs: 100 },
  )
  return (await buildOf(home)).number
}

/** Kills one process that matches; false when none is there, or it has just ended by itself. */
function killed(home: Home, pattern: RegExp): boolean {
  const [victim] = matching(home, pattern)
  try {
    return victim !== undefined && process.kill(victim.pid, 'SIGKILL')
  } catch {
    return false
  }
}

test('killed at rest: agent, supervisor, provisioner, Postgres, control plane', { timeout: 900_000 }, async () => {
  const home = temporaryHome()
  let up: Up = await home.up()
  const first = await usable(home)
  for (const pattern of [AGENT, PROVISIONER, POSTGRES]) {
    expect(`${killed(home, pattern)} ${pattern}`).toBe(`true ${pattern}`)
    expect(await usable(home)).toBe(first)
  }
  expect(killed(home, SUPERVISOR)).toBe(true)
  await until('one new build for the lost machine', async () => (await usable(home)) === first + 1, { limitMs: 60_000 })

  killQuietly(up.pid)
  await until('nothing of its own to outlive it', () => matching(home, PROVISIONER).length + matching(home, POSTGRES).length === 0)
  up = await home.up()
  expect(await usable(home)).toBe(first + 1)
  expect(matching(home, AGENT)).toHaveLength(1)
  expect(matching(home, SUPERVISOR)).toHaveLength(1)
  expect(await up.end()).toBe(0)
})

/**
 * Has a build made, and kills while its terraform runs. false: the build was over before anybody saw it, since on a busy machine
 * terraform may begin and end between two looks.
 */
async function meetsTerraform(home: Home, greeting: string, kill: () => boolean): Promise<boolean> {
  const before = (await buildOf(home)).number
  const file = join(home.folder, 'workspace.yaml')
  writeFileSync(file, readFileSync(file, 'utf8').replace(/greeting: .*\n/, `greeting: "${greeting}"\n`))
  const isOver = ({ number, finishedAt }: WorkspaceJson['status']['build']) => number > before && finishedAt !== undefined
  let over = false
  const met = until('terraform to run', () => over || (matching(home, TERRAFORM).length > 0 && kill()), {
    limitMs: CONVERGED_MS,
    everyMs: 1,
  })
  const ended = until('its build to end', async () => over || isOver(await buildOf(home)), { limitMs: CONVERGED_MS, everyMs: 2_000 })
  const isMet = await Promise.race([met.then(() => true), ended.then(() => false)])
  over = true
  return isMet
}

for (const [name, pattern] of [
  ['terraform', TERRAFORM],
  ['the provisioner', PROVISIONER],
  ['Postgres', POSTGRES],
  ['the control plane', null],
] as const) {
  test(`killed in the middle of a build: ${name}`, { timeout: 400_000 }, async () => {
    const home = temporaryHome()
    let up = await home.up()
    await usable(home)
    let greeting = ''
    for (let tries = 1, met = false; !met; tries += 1) {
      greeting = `after ${tries} for the kill of ${name}`
      met = await meetsTerraform(home, greeting, () => (pattern ? killed(home, pattern) : process.kill(up.pid, 'SIGKILL')))
    }
    if (!pattern) {
      await until('nothing of its own to outlive it', () => matching(home, PROVISIONER).length + matching(home, POSTGRES).length === 0)
      up = await home.up()
    }
    await usable(home, greeting)
    expect(matching(home, AGENT)).toHaveLength(1)
    expect(matching(home, SUPERVISOR)).toHaveLength(1)
    expect(await up.end()).toBe(0)
  })
}
