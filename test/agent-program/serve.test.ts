import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../controller/kernel/clock.ts'
import { agentProgram } from '../../controller/program/program.ts'
import { sweepPrograms } from '../../controller/program/sweep.ts'
import { howToGet, runtimeFor } from '../../controller/program/runtime.ts'
import { steppedClock } from '../support/clock.ts'
import { withDatabase } from '../support/postgres.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { until } from '../support/until.ts'
import { openAgentsApi, type AgentsApi } from './api.ts'

const { db } = await withDatabase()
const HERE = { os: 'linux', arch: process.arch === 'arm64' ? 'arm64' : 'amd64' }
const OTHER = process.arch === 'arm64' ? 'amd64' : 'arm64'
const BUILD_COMMAND = join(import.meta.dirname, '../../controller/program/main.ts')
const ARCHIVE = `/bin/bothy-agent-${HERE.os}-${HERE.arch}.tar.gz`

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

describe('the program as a folder', () => {
  test('the same sources give the same digest and the same archive, wherever they are built', async () => {
    const [one, two] = await Promise.all(
      [temporaryFolder(), temporaryFolder()].map(async (stateDir) => agentProgram({ stateDir, clock: systemClock, ...HERE })),
    )
    expect(one?.digest).toMatch(/^[0-9a-f]{64}$/)
    expect(two?.digest).toBe(one?.digest)
    expect(two?.folder).not.toBe(one?.folder)
    const [first, second] = await Promise.all([one?.archive(), two?.archive()])
    expect(second?.sha256).toBe(first?.sha256)
  })

  test('whoever asks at the same time is given the same, and what was removed is made again', async () => {
    const wanted = { stateDir: temporaryFolder(), clock: systemClock, ...HERE }
    const [one, two] = await Promise.all([agentProgram(wanted), agentProgram(wanted)])
    expect(two.folder).toBe(one.folder)
    expect(readdirSync(join(wanted.stateDir, 'agent-program'))).toEqual([one.digest])
    rmSync(one.folder, { recursive: true })
    const again = await agentProgram(wanted)
    expect(again.folder).toBe(one.folder)
    expect(statSync(join(again.folder, 'node')).mode & 0o777).toBe(0o755)
  })

  test('what no agent runs goes a day after it was last asked for, with its archive', async () => {
    const stateDir = temporaryFolder()
    const clock = steppedClock(systemClock.now())
    const { digest } = await agentProgram({ stateDir, clock, ...HERE })
    const folder = join(stateDir, 'agent-program')
    writeFileSync(join(folder, `${digest}.tar.gz`), '')
    expect(await sweepPrograms(stateDir, new Set(), clock)).toBe(0)
    await clock.step(25 * 3_600_000)
    expect(await sweepPrograms(stateDir, new Set([digest.slice(0, 12)]), clock)).toBe(0)
    await agentProgram({ stateDir, clock, ...HERE })
    expect(await sweepPrograms(stateDir, new Set(['0123456789ab']), clock)).toBe(0)
    await clock.step(25 * 3_600_000)
    expect(await sweepPrograms(stateDir, new Set(['0123456789ab']), clock)).toBe(1)
    expect(readdirSync(folder)).toEqual([])
  })

  test('everybody may read and run it, and nobody but its owner write', async () => {
    const { folder } = await agentProgram({ stateDir: temporaryFolder(), clock: systemClock, ...HERE })
    const modes = Object.fromEntries(readdirSync(folder).map((name) => [name, (statSync(join(folder, name)).mode & 0o777).toString(8)]))
    expect(statSync(folder).mode & 0o777).toBe(0o755)
    expect(modes).toMatchObject({ 'bothy-agent': '755', 'supervise.sh': '755', 'agent.mjs': '644', node: '755', digest: '644' })
  })
})

describe('the program for those who fetch it', () => {
  let api: AgentsApi
  const stateDir = mkdtempSync(join(tmpdir(), 'bothy-program-'))
  afterAll(() => rmSync(stateDir, { recursive: true }))

  const opened = async () => (api = await openAgentsApi({ stateDir, db }))
  beforeAll(async () => {
    await (await agentProgram({ stateDir, clock: systemClock, ...HERE })).archive()
  })

  test('is the archive that its digest says, and holds what runs', async () => {
    await opened()
    const answer = await fetch(api.url + ARCHIVE)
    const bytes = new Uint8Array(await answer.arrayBuffer())
    const digest = await (await fetch(`${api.url}${ARCHIVE}.sha256`)).text()
    expect(answer.status).toBe(200)
    expect(Number(answer.headers.get('content-length'))).toBe(bytes.length)
    expect(digest).toBe(`${sha256(bytes)}  bothy-agent-${HERE.os}-${HERE.arch}.tar.gz\n`)
    expect(answer.headers.get('etag')).toBe(`"${sha256(bytes)}"`)
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'archive'), bytes)
    execFileSync('tar', ['-xzf', 'archive'], { cwd: folder })
    const { folder: built, digest: program } = await agentProgram({ stateDir, clock: systemClock, ...HERE })
    for (const name of readdirSync(built).filter((each) => each !== 'compile-cache'))
      expect(sha256(readFileSync(join(folder, name))), name).toBe(sha256(readFileSync(join(built, name))))
    expect(readFileSync(join(folder, 'digest'), 'utf8')).toBe(`${program}\n`)
  })

  test('is not sent again to who has it', async () => {
    await opened()
    const head = await fetch(api.url + ARCHIVE, { method: 'HEAD' })
    const tag = head.headers.get('etag') ?? ''
    const again = await fetch(api.url + ARCHIVE, { headers: { 'if-none-match': `"other", W/${tag}` } })
    const other = await fetch(api.url + ARCHIVE, { method: 'HEAD', headers: { 'if-none-match': '"other"' } })
    expect({
      head: head.status,
      length: Number(head.headers.get('content-length')) > 1e6,
      body: (await head.arrayBuffer()).byteLength,
    }).toEqual({
      head: 200,
      length: true,
      body: 0,
    })
    expect({ again: again.status, body: await again.text(), other: other.status }).toEqual({ again: 304, body: '', other: 200 })
  })

  test('a platform that there is no agent for is said, and so is what may be asked', async () => {
    await opened()
    const answers = await Promise.all(
      [
        '/bin/bothy-agent-plan9-amd64.tar.gz',
        '/bin/bothy-agent-linux-mips.tar.gz.sha256',
        '/bin/passwd',
        '/bin/bothy-agent-linux-..%2f.tar.gz',
      ].map(async (path) => {
        const answer = await fetch(api.url + path)
        const { message } = (await answer.json()) as { message: string }
        return { code: answer.status, message }
      }),
    )
    const noToken = { code: 401, message: 'no token was given: send Authorization: Bearer …' }
    expect(answers).toEqual([
      { code: 404, message: 'there is no agent for plan9-amd64' },
      { code: 404, message: 'there is no agent for linux-mips' },
      noToken,
      noToken,
    ])
    const post = await fetch(api.url + ARCHIVE, { method: 'POST' })
    expect(post.status).toBe(405)
  })

  test('is packed beside the control plane, which answers meanwhile', async () => {
    const fresh = await openAgentsApi({ stateDir: temporaryFolder(), db })
    let packed = false
    const asked = Promise.all(
      Array.from({ length: 8 }, () => fetch(`${fresh.url}${ARCHIVE}.sha256`).then((answer) => answer.text())),
    ).finally(() => (packed = true))
    let healthy = 0
    const look = async () => {
      const { ok } = await fetch(`${fresh.url}/healthz`)
      if (ok && !packed) healthy += 1
      return packed
    }
    // It gives way to whatever else the machine does.
    await until('the archive', look, { limitMs: 110_000 })
    expect(new Set(await asked).size).toBe(1)
    expect(healthy).toBeGreaterThan(5)
  })

  test('who reads it slowly or goes away keeps it from nobody', async () => {
    await opened()
    const stalled = Array.from({ length: 20 }, () => {
      const socket = connect(api.port, '127.0.0.1')
      socket.on('error', () => {})
      socket.write(`GET ${ARCHIVE} HTTP/1.1\r\nhost: localhost\r\n\r\n`)
      socket.pause()
      return socket
    })
    onTestFinished(() => void stalled.map((socket) => socket.destroy()))
    for (const socket of stalled.slice(10)) socket.destroy()
    const answer = await fetch(api.url + ARCHIVE)
    expect((await answer.arrayBuffer()).byteLength).toBe(Number(answer.headers.get('content-length')))
  })

  test('whoever has no runtime for a platform says how to get one', () => {
    const platform = { os: 'linux', arch: OTHER }
    expect(runtimeFor(platform, [temporaryFolder()])).toBeNull()
    expect(howToGet(platform)).toBe(
      `this control plane has no runtime for linux-${OTHER}: run "npm run agent:build -- linux-${OTHER}" where it is installed`,
    )
  })

  test('another platform: its Node is fetched as the lock file pins it, packed, and served from then on', async (context) => {
    const { stderr, status } = spawnSync(process.execPath, [BUILD_COMMAND, `linux-${OTHER}`, '--state', stateDir], { encoding: 'utf8' })
    if (status !== 0 && /reach its registry/.test(stderr) && !process.env['CI'])
      return context.skip(`npm cannot reach its registry: ${stderr}`)
    expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' })
    await opened()
    const answer = await fetch(`${api.url}/bin/bothy-agent-linux-${OTHER}.tar.gz`)
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'archive'), new Uint8Array(await answer.arrayBuffer()))
    execFileSync('tar', ['-xzf', 'archive'], { cwd: folder })
    // An ELF file names its machine at byte 18: 0xb7 is AArch64, 0x3e is x86-64.
    const machine = OTHER === 'arm64' ? 0xb7 : 0x3e
    for (const name of ['node', 'pty.node']) {
      const head = readFileSync(join(folder, name)).subarray(0, 20)
      expect({ name, magic: head.toString('latin1', 0, 4), machine: head.readUInt16LE(18) }).toEqual({ name, magic: '\x7fELF', machine })
    }
    expect(readdirSync(folder)).not.toContain('sshcrypto.node')
  })
})
