import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { systemClock } from '../../controller/kernel/clock.ts'
import { Misconfigured } from '../../controller/kernel/errors.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { prepareTerraform } from '../../controller/provision/prepare.ts'
import { listProvisioners } from '../../controller/store/provisioners.ts'
import { requestCancel } from '../../controller/store/queue-jobs.ts'
import { intentOf } from '../../controller/store/read-jobs.ts'
import { withDatabase } from '../support/postgres.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { until } from '../support/until.ts'
import { another } from './another.ts'
import { realMachines } from './machines.ts'
import { slowMachines } from './slow-machines.ts'
import { PROCESS } from './templates.ts'
import { createWorld, workspace } from './world.ts'

const { db, url } = await withDatabase()

const fieldOf = (pid: number, name: string): string =>
  new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? ''

test('terraform is nobody, alone, without rights, and holds no file of ours', async () => {
  const world = await createWorld(db)
  const slow = slowMachines(realMachines(world.stateDir))
  await world.provisioner({ machinesFor: slow.machinesFor, isolation: 'required' })
  const job = await world.build(workspace(), await world.template(PROCESS))
  await slow.asked
  const { pid = 0 } = await until('its pid to be written', async () => ((await intentOf(db, job.id))?.pid ? intentOf(db, job.id) : null))
  const [uid = 0] = fieldOf(pid, 'Uid').split('\t').map(Number)
  expect(uid).toBeGreaterThanOrEqual(61_184)
  expect(uid).toBeLessThan(65_520)
  expect(['CapEff', 'CapPrm', 'CapBnd', 'NoNewPrivs'].map((name) => Number(`0x${fieldOf(pid, name)}`))).toEqual([0, 0, 0, 1])
  expect(fieldOf(pid, 'NSpid')).toMatch(/\t1$/)
  const limits = readFileSync(`/proc/${pid}/limits`, 'utf8')
  expect(limits).toMatch(/Max processes\s+512 /)
  expect(limits).toMatch(/Max file size\s+1073741824 /)
  expect(readdirSync(`/proc/${pid}/root`).toSorted()).toEqual(expect.arrayContaining(['bin', 'build', 'dev', 'proc', 'tmp']))
  expect(readdirSync(`/proc/${pid}/root/bin`).toSorted()).toEqual(['setpriv', 'terraform'])
  expect(
    readFileSync(`/proc/${pid}/net/dev`, 'utf8')
      .trim()
      .split('\n')
      .slice(2)
      .map((line) => line.trim().split(':')[0]),
  ).toEqual(['lo'])
  const held = execFileSync('ls', ['-l', `/proc/${pid}/fd`], { encoding: 'utf8' })
  expect(
    [...held.matchAll(/-> (\/.*)$/gm)].map(([, path]) => path).filter((path) => !/^\/(dev\/null|build\/|proc)/.test(path ?? '')),
  ).toEqual([])
  slow.release()
  expect((await world.ended(job)).phase).toBe('Succeeded')
})

test('without a sandbox a build runs and is canceled all the same', async () => {
  const world = await createWorld(db)
  const slow = slowMachines(realMachines(world.stateDir))
  await world.provisioner({ machinesFor: slow.machinesFor, isolation: 'none' })
  const job = await world.build(workspace(), await world.template(PROCESS))
  await slow.asked
  await requestCancel(db, job.id, 'ada')
  await until('terraform to be told', async () => (await world.logOf(job)).includes('nterrupt'))
  slow.release()
  const ended = await world.ended(job)
  expect([ended.phase, ended.result?.resources]).toEqual(['Canceled', 2])
})

test('a state folder with a long path, closed to everybody else, is no obstacle', async () => {
  const world = await createWorld(db, 'x'.repeat(120))
  chmodSync(world.stateDir, 0o700)
  await world.provisioner({ isolation: 'required' })
  const job = await world.ended(await world.build(workspace(), await world.template(PROCESS)))
  expect([job.phase, job.error]).toEqual(['Succeeded', null])
})

test.runIf(process.getuid?.() === 0)('an ordinary user has a sandbox too, by a namespace of users', async () => {
  const world = await createWorld(db)
  const user = 65_534
  chownSync(world.stateDir, user, user)
  const provisioner = await another({ world, url, how: 'fast', user })
  const row = (await listProvisioners(db)).find(({ id }) => id === `crashing-${provisioner.pid}`)
  expect(row?.isolation).toBe('bubblewrap')
  const dev = workspace()
  const digest = await world.template(PROCESS)
  const started = await world.ended(await world.build(dev, digest))
  expect([started.phase, started.error]).toEqual(['Succeeded', null])
  const destroyed = await world.ended(await world.build(dev, digest, { transition: 'destroy' }))
  expect([destroyed.phase, destroyed.error]).toEqual(['Succeeded', null])
})

/** A search path on which only these programs are. */
function only(...names: readonly string[]): string {
  const folder = temporaryFolder()
  for (const name of names) symlinkSync(execFileSync('which', [name], { encoding: 'utf8' }).trim(), join(folder, name))
  return folder
}

const prepare = (searchPath: string, isolation: 'required' | 'preferred', chosen: string | null = null) =>
  prepareTerraform({ chosen, searchPath, isolation, stateDir: temporaryFolder(), clock: systemClock, log: silentLog })

test('where there is no bubblewrap, preferred goes on and says so, required does not', async () => {
  const path = only('terraform')
  expect((await prepare(path, 'preferred')).sandbox.description).toBe('none (bubblewrap is not installed)')
  await expect(prepare(path, 'required')).rejects.toThrow(Misconfigured)
  await expect(prepare(path, 'required')).rejects.toThrow('bubblewrap is not installed')
})

test('where there is no terraform it says what to do', async () => {
  await expect(prepare(only(), 'preferred')).rejects.toThrow('neither terraform nor tofu is on PATH')
  await expect(prepare(only(), 'preferred', '/no/such')).rejects.toThrow('BOTHY_TERRAFORM=/no/such is not a program')
})

test('trying it out leaves nothing behind', async () => {
  const stateDir = temporaryFolder()
  mkdirSync(stateDir, { recursive: true })
  await prepareTerraform({
    chosen: null,
    searchPath: process.env['PATH'] ?? '',
    isolation: 'preferred',
    stateDir,
    clock: systemClock,
    log: silentLog,
  })
  expect(existsSync(join(stateDir, 'builds'))).toBe(true)
  expect(readdirSync(join(stateDir, 'builds'))).toEqual([])
})
