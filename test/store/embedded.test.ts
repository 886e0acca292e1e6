import { spawn, type ChildProcess } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../controller/kernel/clock.ts'
import { Misconfigured } from '../../controller/kernel/errors.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { GUARD, startEmbedded, type Embedded } from '../../controller/store/embedded.ts'
import { openDb } from '../../controller/store/pool.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { until } from '../support/until.ts'

const options = { clock: systemClock, log: silentLog }
const isRoot = process.getuid?.() === 0
/** One data folder for the tests that follow one another on it: what one leaves, the next one finds. */
const state = await mkdtemp(join(tmpdir(), 'bothy-embedded-'))
afterAll(() => rm(state, { recursive: true, force: true }))

const isAlive = (pid: number) => existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))

/** Also where nobody of the group is left. */
function killAll(group: number): void {
  try {
    process.kill(-group, 'SIGKILL')
  } catch {}
}

async function ask(url: string, sql: string): Promise<unknown[]> {
  const db = openDb(url, { ...options, max: 1 })
  try {
    return await db.query(sql)
  } finally {
    await db.close()
  }
}

async function started(folder = state): Promise<Embedded> {
  const server = await startEmbedded({ ...options, state: folder })
  onTestFinished(() => server.close())
  return server
}

interface Program {
  readonly child: ChildProcess
  readonly pid: number
  readonly url: string
}

async function program(folder: string, ids: { uid?: number; gid?: number } = {}): Promise<Program> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'embedded-program.ts'), folder], {
    ...ids,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  for await (const line of createInterface({ input: child.stdout })) return { child, ...JSON.parse(line) }
  throw new Error('the program ended without a word')
}

describe('the embedded server', () => {
  test('starts on an empty folder, and again on a full one', async () => {
    const first = await startEmbedded({ ...options, state })
    expect(await ask(first.url, 'create table kept as select 1 as one')).toEqual([])
    await Promise.all([first.close(), first.close()])
    expect(isAlive(first.pid())).toBe(false)
    const second = await started()
    expect(await ask(second.url, 'select * from kept')).toEqual([{ one: 1 }])
    expect(await ask(second.url, 'show fsync')).toEqual([{ fsync: 'on' }])
    expect(
      await ask(second.url, `select pg_encoding_to_char(encoding) as encoding, datcollate from pg_database where datname = 'postgres'`),
    ).toEqual([{ encoding: 'UTF8', datcollate: 'C' }])
  })

  test('does not survive its owner, even one that was killed', async () => {
    const { child, pid } = await program(state)
    expect(isAlive(pid)).toBe(true)
    child.kill('SIGKILL')
    await until('Postgres to be gone', () => !isAlive(pid))
  })

  test('does not survive an owner that was killed before the server could hear of it', async () => {
    // As deaf as a server that has only just been started; the owner's end of the pipe is closed from the beginning.
    const guard = spawn('/bin/sh', ['-c', GUARD, 'guard', '/bin/sleep', '600'], { stdio: 'ignore', detached: true })
    onTestFinished(() => void killAll(guard.pid!))
    await until('the guard to end with its server', () => guard.signalCode !== null || guard.exitCode !== null)
  })

  test('that was orphaned all the same is stopped, and its data are served on', async () => {
    const { child, pid, url } = await program(state)
    await ask(url, 'create table of_the_orphan as select 2 as two')
    // Owner and guard at once, and the part of the guard that reads: nobody is left to stop it.
    const guard = Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
    const readers = readFileSync(`/proc/${guard}/task/${guard}/children`, 'utf8')
      .trim()
      .split(' ')
      .map(Number)
      .filter((each) => each !== pid)
    for (const each of [...readers, guard, child.pid!]) process.kill(each, 'SIGKILL')
    await until('owner and guard to be gone', () => !isAlive(guard) && !isAlive(child.pid!))
    expect(isAlive(pid)).toBe(true)
    const server = await started()
    expect(isAlive(pid)).toBe(false)
    expect(await ask(server.url, 'select * from of_the_orphan')).toEqual([{ two: 2 }])
  })

  test('is not taken from an owner that lives', async () => {
    const owner = await program(state)
    await expect(startEmbedded({ ...options, state })).rejects.toThrow(/Another process of Bothy is using .* \(Postgres has pid \d+\)/)
    expect(await ask(owner.url, 'select 1 as one')).toEqual([{ one: 1 }])
    owner.child.stdin?.end()
    await until('Postgres to be gone', () => !isAlive(owner.pid))
  })

  test('comes back when it dies', async () => {
    const server = await started()
    const gaveUp: string[] = []
    server.onExit((why) => gaveUp.push(why))
    const before = server.pid()
    process.kill(before, 'SIGKILL')
    const rows = await until('an answer of another server', () => (server.pid() === before ? null : ask(server.url, 'select * from kept')))
    expect(rows).toEqual([{ one: 1 }])
    expect(gaveUp).toEqual([])
  })

  test('comes back when it dies while it works for somebody', async () => {
    const server = await started()
    const gaveUp: string[] = []
    server.onExit((why) => gaveUp.push(why))
    const before = server.pid()
    // It waits for nothing, so it does not notice that its server is gone.
    const busy = ask(server.url, 'do $$ begin loop perform 1; end loop; end $$').catch((error: unknown) => error)
    await until('it to work', async () => {
      const rows = await ask(server.url, "select 1 from pg_stat_activity where state = 'active' and query like 'do %'")
      return rows.length > 0
    })
    process.kill(before, 'SIGKILL')
    await until('another server, or none', () => server.pid() !== before || gaveUp.length > 0)
    expect(gaveUp).toEqual([])
    expect(await ask(server.url, 'select * from kept')).toEqual([{ one: 1 }])
    expect(await busy).toBeInstanceOf(Error)
  })

  test('starts over the lock files of a dead one whose pid is somebody else’s now, and leaves that one alone', async () => {
    // As the same user: Postgres takes a process of another for no server.
    const { uid, gid } = statSync(join(state, 'pg/run'))
    const stranger = spawn('/bin/sleep', ['60'], { uid, gid })
    onTestFinished(() => void stranger.kill('SIGKILL'))
    const lock = join(state, 'pg/data/postmaster.pid')
    writeFileSync(lock, `${stranger.pid}\n${join(state, 'pg/data')}\n1795244042\n5432\n\n\n  0 0\nready   \n`)
    // Of its socket: this one is looked at besides.
    writeFileSync(
      join(state, 'pg/run/.s.PGSQL.5432.lock'),
      `${stranger.pid}\n${join(state, 'pg/data')}\n1795244042\n5432\n${join(state, 'pg/run')}\n`,
    )
    const { pid } = await started()
    expect(isAlive(pid())).toBe(true)
    expect(isAlive(stranger.pid!)).toBe(true)
  })

  test('refuses data of another major version, and leaves them as they are', async () => {
    const version = join(state, 'pg/data/PG_VERSION')
    const right = readFileSync(version, 'utf8')
    writeFileSync(version, '12\n')
    onTestFinished(() => writeFileSync(version, right))
    await expect(startEmbedded({ ...options, state })).rejects.toThrow('was made by Postgres 12, and this program brings Postgres 18')
  })

  test('says what is missing when its password is', async () => {
    const password = join(state, 'pg/password')
    renameSync(password, `${password}.away`)
    onTestFinished(() => renameSync(`${password}.away`, password))
    const refused = startEmbedded({ ...options, state })
    await expect(refused).rejects.toThrow(Misconfigured)
    await expect(refused).rejects.toThrow(`${password} is gone`)
  })

  test('does not stay when it cannot be used', async () => {
    const password = join(state, 'pg/password')
    const right = readFileSync(password, 'utf8')
    writeFileSync(password, 'wrong')
    onTestFinished(() => writeFileSync(password, right))
    await expect(startEmbedded({ ...options, state })).rejects.toThrow('password authentication failed')
    expect(existsSync(join(state, 'pg/data/postmaster.pid'))).toBe(false)
  })

  test('is stopped by its owner even after everything was told to end', async () => {
    const { child, pid } = await program(state)
    const guard = Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
    process.kill(-guard, 'SIGHUP')
    process.kill(guard, 'SIGTERM')
    child.stdin?.end()
    await until('all of them to be gone', () => !isAlive(pid) && !isAlive(guard) && child.exitCode === 0)
  })

  test('keeps its secrets to itself', async () => {
    const server = await started()
    expect(readFileSync(`/proc/${server.pid()}/cmdline`, 'utf8')).not.toContain(new URL(server.url).password)
    expect(readFileSync(join(state, 'pg/server.log'), 'utf8')).not.toContain(new URL(server.url).password)
    expect(
      readFileSync(`/proc/${server.pid()}/environ`, 'utf8')
        .split('\0')
        .map((pair) => pair.split('=')[0]),
    ).not.toContain('HOME')
  })
})

describe('the embedded server on a folder of its own', () => {
  test('listens on loopback where a socket’s path would be too long', async () => {
    const server = await started(join(temporaryFolder(), 'x'.repeat(100)))
    expect(new URL(server.url).hostname).toBe('127.0.0.1')
    expect(await ask(server.url, 'select 1 as one')).toEqual([{ one: 1 }])
  })

  test.runIf(isRoot)('works for root below a folder that is closed to others, without being root', async () => {
    const closed = temporaryFolder()
    chmodSync(closed, 0o700)
    const server = await started(join(closed, 'state'))
    expect(await ask(server.url, 'select 1 as one')).toEqual([{ one: 1 }])
    // Root outside, and a nobody inside: of all that root may do it keeps nothing but its own files.
    expect(readFileSync(`/proc/${server.pid()}/status`, 'utf8')).toMatch(/^CapEff:\s+0+$/m)
  })

  test.runIf(isRoot)('works for an ordinary user, and then for root', async () => {
    const folder = join(temporaryFolder(), 'state')
    mkdirSync(folder, { mode: 0o700 })
    chmodSync(join(folder, '..'), 0o755)
    chownSync(folder, 1, 1)
    const user = await program(folder, { uid: 1, gid: 1 })
    expect(await ask(user.url, 'create table kept as select 1 as one')).toEqual([])
    user.child.stdin?.end()
    await until('Postgres to be gone', () => !isAlive(user.pid))
    const server = await started(folder)
    expect(await ask(server.url, 'select * from kept')).toEqual([{ one: 1 }])
  })

  test('leaves nothing half made when it cannot be made', async () => {
    const folder = temporaryFolder()
    mkdirSync(join(folder, 'pg'))
    writeFileSync(join(folder, 'pg/run'), 'in the way')
    await expect(startEmbedded({ ...options, state: folder })).rejects.toThrow()
    expect(existsSync(join(folder, 'pg/data'))).toBe(false)
    rmSync(join(folder, 'pg/run'))
  })
})
