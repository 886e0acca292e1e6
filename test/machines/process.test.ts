import { spawn } from 'node:child_process'
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../controller/kernel/clock.ts'
import { startOf } from '../../controller/kernel/pids.ts'
import { endMachine, listMachines } from '../../controller/machines/process.ts'
import { ENV, ENV_MACHINE } from '../../agent/protocol.ts'
import { until } from '../support/until.ts'
import { agentPids, hurriedClock, wanted, world, type World } from './machine.ts'

let here: World
beforeEach(async () => {
  here = await world()
})
afterEach(() => here.close())

const gone = (pid: number) => until(`process ${pid} to be gone`, () => startOf(pid) === null)

test('a machine is a process group of its own that runs the agent with a short list of variables', async () => {
  const seen = await here.machines().create(wanted({ shell: '/bin/sh' }))
  expect(seen).toEqual({
    pid: expect.any(Number),
    home: join(here.stateDir, 'workspaces', here.uid, 'home'),
    startedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
  })
  expect(Math.abs(Date.parse(seen.startedAt) - systemClock.now())).toBeLessThan(10_000)
  const [agent = 0] = await agentPids(seen.home, 1)
  const environment = Object.fromEntries(
    (await readFile(join(seen.home, 'environment'), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => line.split(/=(.*)/s).slice(0, 2)),
  )
  expect(environment).toEqual({
    PATH: process.env['PATH'],
    LANG: 'C',
    USER: expect.any(String),
    SHELL: '/bin/sh',
    HOME: seen.home,
    PWD: seen.home,
    COLOUR: 'green',
    [ENV_MACHINE]: here.machine(),
    [ENV.agentId]: 'agent-1',
    [ENV.tokenFile]: join(here.folder(), 'token'),
    [ENV.urlFile]: join(here.stateDir, 'url'),
    NODE_COMPILE_CACHE: join(here.stateDir, 'compile-cache'),
    BOTHY_WORKSPACE_NAME: 'dev',
    BOTHY_WORKSPACE_OWNER: 'ada',
    CODER_WORKSPACE_NAME: 'dev',
    CODER_WORKSPACE_OWNER: 'ada',
    CODER_WORKSPACE_OWNER_NAME: 'ada',
    ...(environment['_'] === undefined ? {} : { _: expect.any(String) }),
    ...(environment['OLDPWD'] === undefined ? {} : { OLDPWD: expect.any(String) }),
    ...(environment['SHLVL'] === undefined ? {} : { SHLVL: expect.any(String) }),
  })
  expect(await groupOf(agent)).toEqual(seen.pid)
  expect(await readFile(join(here.folder(), 'token'), 'utf8')).toEqual('secret-of-agent-1\n')
  expect((await stat(join(here.folder(), 'token'))).mode & 0o777).toEqual(0o600)
  expect((await stat(here.folder())).mode & 0o777).toEqual(0o700)
  for (const pid of [seen.pid, agent]) expect(await readFile(`/proc/${pid}/cmdline`, 'utf8')).not.toContain('secret')
})

const groupOf = async (pid: number) => {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8')
  return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[2])
}

test('it is seen, listed, and gone once it is destroyed; its home stays until the workspace goes', async () => {
  const seen = await here.machines().create(wanted())
  expect(await here.machines().observe('main')).toEqual(seen)
  expect(await listMachines(here.stateDir, systemClock)).toEqual([
    { machine: here.machine(), workspace: { uid: here.uid, name: 'dev', owner: 'ada' }, pid: seen.pid, startedAt: seen.startedAt },
  ])
  await agentPids(seen.home, 1)
  await here.machines().destroy('main', { removeHome: false })
  expect(startOf(seen.pid)).toBeNull()
  expect(await here.machines().observe('main')).toBeNull()
  expect(await listMachines(here.stateDir, systemClock)).toEqual([])
  expect(await readFile(join(seen.home, 'pids'), 'utf8')).toContain('\n')

  const again = await here.machines().create(wanted())
  expect(again.home).toEqual(seen.home)
  await here.machines().destroy('main', { removeHome: true })
  await expect(stat(seen.home)).rejects.toThrow('ENOENT')
})

test('one that runs the same agent is adopted, whoever asks', async () => {
  const first = await here.machines().create(wanted())
  expect(await here.machines().create(wanted())).toEqual(first)
})

test('two that create at once make one machine', async () => {
  const both = await Promise.all([here.machines().create(wanted()), here.machines().create(wanted()), here.machines().create(wanted())])
  expect(new Set(both.map(({ pid }) => pid)).size).toEqual(1)
  expect(await agentPids(both[0].home, 1)).toHaveLength(1)
})

test('one whose record is lost is found by its mark and adopted', async () => {
  const first = await here.machines().create(wanted())
  await agentPids(first.home, 1)
  await rm(join(here.folder(), 'record.json'))
  expect((await here.machines().observe('main'))?.pid).toEqual(first.pid)
  const adopted = await here.machines().create(wanted())
  expect(adopted.pid).toEqual(first.pid)
  expect(await here.machines().observe('main')).toEqual(adopted)
})

test('one that was started just before a crash, its record not yet telling the process, is adopted', async () => {
  const first = await here.machines().create(wanted())
  const file = join(here.folder(), 'record.json')
  await writeFile(file, JSON.stringify({ ...JSON.parse(await readFile(file, 'utf8')), process: null }))
  expect((await here.machines().create(wanted())).pid).toEqual(first.pid)
})

test('one that runs another agent is replaced, and so is one with another environment', async () => {
  const first = await here.machines().create(wanted())
  const second = await here.machines().create(wanted({ agentId: 'agent-2' }))
  expect(startOf(first.pid)).toBeNull()
  await rm(join(here.folder(), 'record.json'))
  const third = await here.machines().create(wanted({ agentId: 'agent-2', env: { COLOUR: 'blue' } }))
  expect(startOf(second.pid)).toBeNull()
  expect((await here.machines().observe('main'))?.pid).toEqual(third.pid)
})

test('an update starts a new process in the same home', async () => {
  const first = await here.machines().create(wanted())
  await agentPids(first.home, 1)
  const second = await here.machines().update(wanted({ env: { COLOUR: 'red' } }))
  expect(second.home).toEqual(first.home)
  expect(startOf(first.pid)).toBeNull()
  await agentPids(second.home, 2)
  expect(await readFile(join(second.home, 'environment'), 'utf8')).toContain('COLOUR=red')
})

test('a process that has the recorded pid but started at another time is not the machine, and is left alone', async () => {
  const first = await here.machines().create(wanted())
  await here.machines().destroy('main', { removeHome: false })
  const stranger = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' })
  try {
    await mkdir(here.folder(), { recursive: true })
    const record = {
      workspace: { uid: here.uid, name: 'dev', owner: 'ada' },
      agentId: 'agent-1',
      inputs: '',
      home: first.home,
      process: { pid: stranger.pid, start: 'another boot:1', startedAt: first.startedAt },
    }
    await writeFile(join(here.folder(), 'record.json'), JSON.stringify(record))
    expect(await here.machines().observe('main')).toBeNull()
    await here.machines().destroy('main', { removeHome: false })
    expect(startOf(stranger.pid ?? 0)).not.toBeNull()
  } finally {
    stranger.kill('SIGKILL')
  }
})

test('children that ignore TERM or leave the group are ended too', async () => {
  await here.agent(`
    sh -c 'trap "" TERM; while :; do sleep 0.2; done' & echo $! > "$HOME/stubborn"
    setsid sh -c 'echo $$ > "$HOME/away"; exec sleep 300' &
    trap 'exit 0' TERM
    echo $$ >> "$HOME/pids"
    while :; do sleep 60 & wait $!; done
  `)
  const { home, pid } = await here.machines().create(wanted())
  const pidIn = (name: string) => until(name, async () => Number(await readFile(join(home, name), 'utf8')) || null)
  const stubborn = await pidIn('stubborn')
  const away = await pidIn('away')
  await here.machines(hurriedClock()).destroy('main', { removeHome: false })
  expect([pid, stubborn, away].map(startOf)).toEqual([null, null, null])
})

test('what the agent does at its end is not told to end while it runs', async () => {
  await here.agent(`
    trap '[ -n "$ending" ] || { ending=1; sh "$HOME/stop"; exit 0; }' TERM
    echo $$ >> "$HOME/pids"
    while :; do sleep 60 & wait $!; done
  `)
  const home = join(here.stateDir, 'mine')
  await mkdir(home)
  await writeFile(join(home, 'stop'), `trap 'echo interrupted >> "$HOME/end"; exit' TERM; sleep 1; echo finished >> "$HOME/end"`)
  await here.machines().create(wanted({ home }))
  await agentPids(home, 1)
  await here.machines().destroy('main', { removeHome: false })
  expect(await readFile(join(home, 'end'), 'utf8')).toEqual('finished\n')
})

test('what is left of a machine whose leader was killed is ended before another is made', async () => {
  const first = await here.machines().create(wanted())
  const [agent = 0] = await agentPids(first.home, 1)
  process.kill(first.pid, 'SIGKILL')
  await gone(first.pid)
  expect(await here.machines().observe('main')).toBeNull()
  expect(startOf(agent)).not.toBeNull()
  await here.machines().create(wanted())
  expect(startOf(agent)).toBeNull()
})

test('a lock whose holder died does not stand in the way', async () => {
  await mkdir(join(here.stateDir, 'machines'), { recursive: true })
  await writeFile(`${here.folder()}.lock`, '1 another boot:1')
  const both = await Promise.all([here.machines().create(wanted()), here.machines().create(wanted())])
  expect(both[0]).toEqual(both[1])
})

test('an agent that is not of this build is refused, and nothing is made', async () => {
  await expect(here.machines().create(wanted({ agentId: 'stranger' }))).rejects.toThrow('agent stranger is not one of this build')
  expect(await here.machines().observe('main')).toBeNull()
})

test('a home that the template names is never removed', async () => {
  const home = join(here.stateDir, 'mine')
  await here.machines().create(wanted({ home }))
  await agentPids(home, 1)
  await here.machines().destroy('main', { removeHome: true })
  expect((await stat(join(home, 'pids'))).isFile()).toEqual(true)
})

test('a long log is cut while the machine runs', async () => {
  await here.agent('head -c 5000000 /dev/zero; echo $$ >> "$HOME/pids"; exec sleep 300')
  const { home } = await here.machines().create(wanted())
  await agentPids(home, 1)
  await here.machines().observe('main')
  expect((await stat(join(here.folder(), 'agent.log'))).size).toEqual(0)
  expect((await stat(join(here.folder(), 'agent.log.1'))).size).toEqual(5_000_000)
})

test('machines are ended by name without their build, and their homes stay', async () => {
  const { pid, home } = await here.machines().create(wanted())
  await endMachine(here.stateDir, here.machine(), systemClock)
  expect(startOf(pid)).toBeNull()
  expect(await listMachines(here.stateDir, systemClock)).toEqual([])
  expect((await stat(home)).isDirectory()).toEqual(true)
  await here.machines().destroy('main', { removeHome: true })
  await expect(stat(home)).rejects.toThrow('ENOENT')
})
