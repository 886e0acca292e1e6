import { execFile } from 'node:child_process'
import { chmod, chown, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../controller/kernel/clock.ts'
import { Misconfigured } from '../../controller/kernel/errors.ts'
import { silentLog } from '../../controller/kernel/log.ts'
import { startEmbedded, type Embedded } from '../../controller/store/embedded.ts'
import { openDb } from '../../controller/store/pool.ts'

/** A Postgres that speaks TLS, with a certificate of an authority that nobody knows: what is asked of it, and what is said. */

const run = promisify(execFile)
const root = join(import.meta.dirname, '../..')

let folder: string
let server: Embedded

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bothy-tls-'))
  // Longer than the path of a socket may be: it listens on an address then.
  server = await startEmbedded({ state: join(folder, 'long'.repeat(30)), clock: systemClock, log: silentLog })
})
afterAll(async () => {
  await server.close()
  await rm(folder, { recursive: true, force: true })
})

const authority = () => join(folder, 'ca.crt')
const openssl = (line: string) => run('openssl', line.split(' '), { cwd: folder })

const withOptions = (options: Readonly<Record<string, string>>, host = '127.0.0.1'): string => {
  const url = new URL(server.url)
  url.hostname = host
  for (const [name, value] of Object.entries(options)) url.searchParams.set(name, value)
  return url.href
}

async function asked<Row>(url: string, sql: string): Promise<Row[]> {
  const db = openDb(url, { log: silentLog, clock: systemClock, max: 1 })
  try {
    return await db.query<Row>(sql)
  } finally {
    await db.close()
  }
}

const ENCRYPTED = 'select ssl from pg_stat_ssl where pid = pg_backend_pid()'
const isEncrypted = async (url: string): Promise<boolean | undefined> => (await asked<{ ssl: boolean }>(url, ENCRYPTED))[0]?.ssl

async function refusedWith(url: string): Promise<string> {
  const error: unknown = await asked(url, 'select 1').catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(Misconfigured)
  const { message } = error as Misconfigured
  expect(message).not.toContain(new URL(url).password)
  return message
}

test('one that speaks no TLS is told of as such where the address asks for it', async () => {
  expect(await refusedWith(withOptions({ sslmode: 'verify-full' }))).toMatch(
    /does not support SSL.*It speaks no TLS, and DATABASE_URL asks for it/,
  )
})

describe('once it speaks TLS', () => {
  beforeAll(async () => {
    const fresh = '-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'
    await openssl(`req -x509 ${fresh} -keyout ca.key -out ca.crt -subj /CN=authority`)
    await openssl(
      `req -x509 ${fresh} -CA ca.crt -CAkey ca.key -keyout server.key -out server.crt -subj /CN=db -addext subjectAltName=IP:127.0.0.1`,
    )
    const [row] = await asked<{ data: string }>(server.url, `select current_setting('data_directory') as data`)
    const data = row?.data ?? ''
    const { uid, gid } = await stat(data)
    for (const name of ['server.crt', 'server.key']) {
      await run('cp', [join(folder, name), join(data, name)])
      await chown(join(data, name), uid, gid)
      await chmod(join(data, name), 0o600)
    }
    await writeFile(join(data, 'pg_hba.conf'), 'hostssl all all 127.0.0.1/32 scram-sha-256\n')
    await asked(server.url, 'alter system set ssl = on')
    await asked(server.url, 'select pg_reload_conf()')
  })

  test.each(['verify-full', 'require'])('sslmode=%s trusts nobody whom this machine does not, and says what to do', async (sslmode) => {
    expect(await refusedWith(withOptions({ sslmode }))).toMatch(
      /^Postgres at 127\.0\.0\.1:\d+\/postgres cannot be used: .*&sslrootcert=\/FILE in DATABASE_URL or by NODE_EXTRA_CA_CERTS\.$/,
    )
  })

  test('it is used with the authority in the address', async () => {
    expect(await isEncrypted(withOptions({ sslmode: 'verify-full', sslrootcert: authority() }))).toBe(true)
  })

  test('or with the authority in the environment', async () => {
    const program = `import { openDb } from './controller/store/pool.ts'
import { systemClock } from './controller/kernel/clock.ts'
import { silentLog } from './controller/kernel/log.ts'
const db = openDb(process.env.DATABASE_URL, { log: silentLog, clock: systemClock, max: 1 })
console.log(JSON.stringify(await db.query(${JSON.stringify(ENCRYPTED)})))
await db.close()`
    const { stdout } = await run(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', program], {
      cwd: root,
      env: { DATABASE_URL: withOptions({ sslmode: 'verify-full' }), NODE_EXTRA_CA_CERTS: authority() },
    })
    expect(JSON.parse(stdout)).toEqual([{ ssl: true }])
  })

  test('another name than its certificate has is another problem', async () => {
    expect(await refusedWith(withOptions({ sslmode: 'verify-full', sslrootcert: authority() }, 'localhost'))).toContain(
      'Its certificate is for other names: DATABASE_URL has to say one of them.',
    )
  })

  test('an address that asks for no TLS is told to, or that it is let in nowhere', async () => {
    expect(await refusedWith(server.url)).toContain(
      'It may want TLS: say sslmode=verify-full in DATABASE_URL; otherwise its pg_hba.conf lets this user, database or address in nowhere.',
    )
  })

  test('an authority that is not there is named', async () => {
    const missing = join(folder, 'missing.crt')
    expect(await refusedWith(withOptions({ sslmode: 'verify-full', sslrootcert: missing }))).toContain(
      `'${missing}'. DATABASE_URL names it.`,
    )
    expect(await refusedWith(withOptions({ sslmode: 'verify-full', sslrootcert: folder }))).toMatch(/EISDIR.*DATABASE_URL names it\.$/)
  })

  test('too many open files are no fault of the address, and another try may do', async () => {
    const program = `import { openSync } from 'node:fs'
import { openDb } from './controller/store/pool.ts'
import { systemClock } from './controller/kernel/clock.ts'
import { silentLog } from './controller/kernel/log.ts'
const db = openDb(process.env.DATABASE_URL, { log: silentLog, clock: systemClock, max: 1 })
try { for (;;) openSync('/dev/null') } catch {}
const { name, message } = await db.query('select 1').catch((error) => error)
console.log(JSON.stringify([name, message]))`
    const child = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', program]
    const { stdout } = await run('sh', ['-c', 'ulimit -n 128; exec "$0" "$@"', process.execPath, ...child], {
      cwd: root,
      env: { DATABASE_URL: withOptions({ sslmode: 'verify-full', sslrootcert: authority() }) },
    })
    expect(JSON.parse(stdout)).toEqual(['Transient', expect.stringMatching(/^Postgres at \S+ cannot be reached: EMFILE: .*, open /)])
  })
})
