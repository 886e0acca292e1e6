import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { killQuietly, temporaryHome, type Home } from '../support/bothy.ts'
import { until } from '../support/until.ts'

/** From outside, as a person: declared in YAML, built by terraform, entered, changed, adopted, deleted. */

interface WorkspaceJson {
  readonly metadata: { readonly uid: string; readonly generation: number }
  readonly status: {
    readonly state: string
    readonly build: { readonly number: number; readonly transition: string; readonly reason: string; readonly phase: string }
    readonly conditions: readonly { readonly type: string; readonly status: string; readonly reason: string; readonly message: string }[]
  }
}

const workspace = (home: Home) => home.json<WorkspaceJson>('get', 'workspace', 'dev')
const condition = (object: WorkspaceJson, type: string) => object.status.conditions.find((each) => each.type === type)

async function running(home: Home): Promise<WorkspaceJson> {
  const { code, stdout, stderr } = await home.run(['wait', 'workspace/dev', '--for', 'condition=Running', '--timeout', '90s'])
  expect(`${code} ${stdout}${stderr}`).toMatch(/^0 /)
  return workspace(home)
}

const inside = async (home: Home, script: string): Promise<string> =>
  (await home.run(['exec', 'dev', '--', 'sh', '-c', script])).stdout.trim()

/** Pids of the agent's program, which carry the machine's marker. */
const agents = (home: Home) => home.processes().filter(({ command }) => /agent\/main\.ts/.test(command) && !/supervise\.sh/.test(command))
/** The control plane's own processes: everything of this home but the machines and the command lines that ask. */
const own = (home: Home) => home.processes().filter(({ command }) => !/agent\/(main\.ts|supervise\.sh)/.test(command))

test('a workspace is declared, built, entered, adopted after a restart, rebuilt after a reboot, changed and deleted', async () => {
  const home = temporaryHome()
  const first = await home.up()
  const built = await running(home)
  expect(built.status.build).toMatchObject({ number: 1, transition: 'Start', reason: 'Created', phase: 'Succeeded' })
  expect(await home.run(['exec', 'dev', '--', 'sh', '-c', 'echo $BOTHY_WORKSPACE_NAME'])).toEqual({
    code: 0,
    stdout: 'dev\n',
    stderr: '',
  })
  expect((await home.run(['exec', 'dev', '--', 'sh', '-c', 'exit 7'])).code).toBe(7)
  expect(await inside(home, 'env')).not.toMatch(/TOKEN=./)

  const agentBefore = agents(home).map(({ pid }) => pid)
  await inside(home, 'echo kept > $HOME/kept')
  expect(await first.end()).toBe(0)
  expect(first.output()).toMatch(/dev/)
  expect(own(home)).toEqual([])
  expect(agents(home).map(({ pid }) => pid)).toEqual(agentBefore)

  const second = await home.up()
  const adopted = await running(home)
  expect(adopted.status.build.number).toBe(1)
  expect(agents(home).map(({ pid }) => pid)).toEqual(agentBefore)
  expect(await second.end()).toBe(0)

  for (const { pid } of home.processes()) killQuietly(pid)
  await until('the machine to be gone, as after a reboot', () => home.processes().length === 0)
  const third = await home.up()
  const rebuilt = await until(
    'a rebuilt machine',
    async () => {
      const seen = await workspace(home)
      return seen.status.build.number === 2 && condition(seen, 'Running')?.status === 'True' ? seen : null
    },
    { limitMs: 60_000 },
  )
  expect(rebuilt.status.build).toMatchObject({ transition: 'Start', reason: 'MachineLost' })
  expect(await inside(home, 'cat $HOME/kept')).toBe('kept')
  expect(agents(home)).toHaveLength(1)

  const file = join(home.folder, 'workspace.yaml')
  const text = readFileSync(file, 'utf8')
  expect(text).toMatch(/greeting: .*\n/)
  writeFileSync(file, text.replace(/greeting: .*\n/, 'greeting: "changed by hand"\n'))
  await until('the new value inside', async () => (await inside(home, 'echo $GREETING')) === 'changed by hand', {
    limitMs: 60_000,
    everyMs: 200,
  })
  const changed = await running(home)
  expect(changed.status.build).toMatchObject({ number: 3, transition: 'Start', reason: 'Updated' })
  expect(await inside(home, 'cat $HOME/kept')).toBe('kept')
  expect(changed.metadata.generation).toBe(2)

  writeFileSync(file, `${text}\n  oops: [unclosed\n`)
  const broken = await until('the broken file to be named in the status', async () => {
    const seen = await workspace(home)
    return condition(seen, 'Declared')?.status === 'False' ? seen : null
  })
  expect(condition(broken, 'Declared')).toMatchObject({
    reason: 'InvalidYaml',
    message: expect.stringMatching(/workspace\.yaml:\d+:\d+/),
  })
  expect(condition(broken, 'Running')?.status).toBe('True')
  expect(third.output()).toMatch(/workspace\.yaml:\d+:\d+/)
  writeFileSync(file, text.replace(/greeting: .*\n/, 'greeting: "changed by hand"\n'))
  const mended = await until('the message to go', async () => {
    const seen = await workspace(home)
    return condition(seen, 'Declared') ? null : seen
  })
  expect(mended.status.build.number).toBe(3)

  rmSync(file)
  await until('the workspace to be forgotten', async () => (await home.run(['get', 'workspace', 'dev'])).code === 3, {
    limitMs: 60_000,
    everyMs: 200,
  })
  expect(agents(home)).toEqual([])
  expect(existsSync(join(home.state, 'workspaces', built.metadata.uid))).toBe(false)
  // The outcome is told first.
  await until('the folder of its last build to go', () => readdirSync(join(home.state, 'builds')).length === 0)
  expect(await third.end()).toBe(0)
  expect(home.processes()).toEqual([])
})

test('start, stop and restart are requests that are answered, and a stop keeps the home', async () => {
  const home = temporaryHome()
  const up = await home.up()
  await running(home)
  await inside(home, 'echo kept > $HOME/kept')

  expect(await home.run(['stop', 'dev'])).toMatchObject({ code: 0 })
  expect(agents(home)).toEqual([])
  const asleep = await workspace(home)
  expect(asleep.status.state).toBe('Stopped')
  expect(condition(asleep, 'Ready')).toMatchObject({ status: 'True', reason: 'Stopped' })

  expect(await home.run(['start', 'dev'])).toMatchObject({ code: 0 })
  await running(home)
  expect(await inside(home, 'cat $HOME/kept')).toBe('kept')

  const before = agents(home).map(({ pid }) => pid)
  expect(await home.run(['restart', 'dev'])).toMatchObject({ code: 0 })
  const again = await running(home)
  expect(again.status.build.number).toBe(5)
  expect(agents(home)).toHaveLength(1)
  expect(agents(home).map(({ pid }) => pid)).not.toEqual(before)

  expect(await home.run(['down'])).toMatchObject({ code: 0 })
  expect(agents(home)).toEqual([])
  await until('up to end after down', () => up.exited() !== null)
  expect(up.exited()).toBe(0)
  expect(home.processes()).toEqual([])

  await home.up()
  const resumed = await running(home)
  expect(resumed.status.build).toMatchObject({ transition: 'Start', reason: 'Resumed' })
})

test('down works when the control plane is not up', async () => {
  const home = temporaryHome()
  const up = await home.up()
  await running(home)
  await up.end()
  expect(agents(home)).toHaveLength(1)
  const down = await home.run(['down'])
  expect(`${down.code} ${down.stderr}`).toMatch(/^0 /)
  expect(home.processes()).toEqual([])
})

test('a second up on the same state folder is refused, naming the first', async () => {
  const home = temporaryHome()
  const up = await home.up()
  const second = await home.run(['up', home.folder, '--port', '0'])
  expect(second.code).toBe(4)
  expect(second.stderr).toContain(String(up.pid))
  expect(second.stderr).toMatch(/127\.0\.0\.1:\d+|port \d+/)
  expect(up.exited()).toBe(null)
})
