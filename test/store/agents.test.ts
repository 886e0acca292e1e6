import { NO_MANIFEST } from '../../controller/store/agent-manifests.ts'
import { beforeEach, describe, expect, test } from 'vitest'
import { sha256 } from '../../controller/kernel/names.ts'
import { statusOf } from '../../controller/store/agent-status.ts'
import { replicaGone } from '../../controller/store/agent-links.ts'
import { appendAgentLogs } from '../../controller/store/agent-logs.ts'
import {
  agentByToken,
  agentConnected,
  agentDisconnected,
  agentMade,
  agentReported,
  agentSeen,
  agentsOf,
  agentsOfAll,
  wishShutdown,
} from '../../controller/store/agents.ts'
import { finishJob, type Outcome } from '../../controller/store/finish-job.ts'
import { readLogs } from '../../controller/store/logs.ts'
import { answersTo } from '../../controller/store/questions.ts'
import type { AgentManifest, Claim, Transition } from '../../controller/store/records.ts'
import { withDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { claimed, queued } from './samples.ts'

const { db } = await withDatabase()
beforeEach(async () => {
  await db.query('truncate jobs, agents, states cascade')
})

const manifest: AgentManifest = { ...NO_MANIFEST, env: { A: '1' }, dir: '/home' }
const hash = sha256('token')
const made = (claim: Claim, id = 'agent-1', workspaceUid = 'uid-dev') =>
  agentMade(db, { id, workspaceUid, workspaceKey: 'Workspace/default/dev', jobId: claim.job.id, tokenHash: hash, manifest })
const connection = { runId: 'run-1', replica: 'r1', version: '0.1.0' }
const outcome = (ids: readonly string[] | null): Outcome => ({
  phase: 'Succeeded',
  reason: null,
  error: null,
  state: null,
  agents: ids && ids.map((id) => ({ id, name: 'main', manifest })),
  result: {},
})
let builds = 0
async function build(transition: Transition = 'start'): Promise<Claim> {
  builds += 1
  await queued(db, 'dev', { number: builds, transition })
  return claimed(db)
}
const only = async () => (await agentsOf(db, 'uid-dev'))[0]!

describe('who is let in', () => {
  test('an agent of a running build, before its outcome is known', async () => {
    await made(await build())
    expect(await agentByToken(db, 'agent-1', hash)).toEqual({
      appHealth: {},
      id: 'agent-1',
      workspaceUid: 'uid-dev',
      jobId: expect.any(String),
      name: '',
      confirmed: false,
      manifest,
      createdAt: expect.any(Number),
      firstConnectedAt: null,
      connectedAt: null,
      disconnectedAt: null,
      lastSeenAt: null,
      lifecycle: 'Created',
      runId: null,
      message: '',
      version: '',
      shutdownRequestedAt: null,
      reportedAt: null,
      readyAt: null,
    })
  })

  test('not with another token, and not as somebody unknown', async () => {
    await made(await build())
    expect(await agentByToken(db, 'agent-1', sha256('other'))).toBeNull()
    expect(await agentByToken(db, 'agent-2', hash)).toBeNull()
  })

  test('an agent that the outcome confirmed, under its name', async () => {
    const claim = await build()
    await made(claim)
    await finishJob(db, claim, outcome(['agent-1']))
    expect(await agentByToken(db, 'agent-1', hash)).toMatchObject({ name: 'main', confirmed: true })
    expect((await answersTo(db, { agentsOfAll }, ['uid-dev', 'uid-none'])).agentsOfAll).toEqual(
      new Map([['uid-dev', await agentsOf(db, 'uid-dev')]]),
    )
  })

  test('not one of a build that ended without telling its agents', async () => {
    const claim = await build()
    await made(claim)
    await finishJob(db, claim, { ...outcome(null), phase: 'Failed' })
    expect(await agentByToken(db, 'agent-1', hash)).toBeNull()
    expect(await agentsOf(db, 'uid-dev')).toEqual([])
  })

  test('not one that is no longer in the newest state, and whoever holds its connection is told', async () => {
    const first = await build()
    await made(first)
    await finishJob(db, first, outcome(['agent-1']))
    const heard: string[] = []
    const stop = await db.listen(
      'bothy_agents',
      (id) => heard.push(id),
      () => {},
    )
    const second = await build()
    await made(second, 'agent-2')
    await finishJob(db, second, outcome(['agent-2']))
    expect(await agentByToken(db, 'agent-1', hash)).toBeNull()
    expect(await agentByToken(db, 'agent-2', hash)).toMatchObject({ confirmed: true })
    await until('the notice', () => heard.includes('agent-1'))
    await stop()
  })

  test('an agent cannot be taken from another workspace', async () => {
    const claim = await build()
    await made(claim)
    await expect(made(claim, 'agent-1', 'uid-other')).rejects.toThrow('belongs to another workspace')
  })
})

describe('a connection', () => {
  test('is remembered from the first, and the close of an old one does not end a new one', async () => {
    const claim = await build()
    await made(claim)
    expect(await agentConnected(db, 'agent-1', connection)).toBe(true)
    const before = await only()
    expect(statusOf(before, before.lastSeenAt!)).toBe('Connected')
    expect(await agentDisconnected(db, 'agent-1', 'run-0')).toBe(false)
    expect(await agentDisconnected(db, 'agent-1', 'run-1')).toBe(true)
    const closed = await only()
    expect(statusOf(closed, closed.disconnectedAt!)).toBe('Disconnected')
    await agentSeen(db, ['agent-1'])
    const again = await only()
    expect(statusOf(again, again.lastSeenAt!)).toBe('Connected')
    expect(again.firstConnectedAt).toBe(before.firstConnectedAt)
  })

  test('of a replica that starts anew is over', async () => {
    await made(await build())
    await agentConnected(db, 'agent-1', connection)
    await replicaGone(db, 'r2')
    expect((await only()).disconnectedAt).toBeNull()
    await replicaGone(db, 'r1')
    expect((await only()).disconnectedAt).not.toBeNull()
  })

  test('what its scripts say goes to the log of the newest build', async () => {
    const first = await build()
    await finishJob(db, first, outcome(null))
    const second = await build()
    const line = { at: 1_795_244_042_562, source: 'startup', level: 'info' as const, text: 'hello' }
    const author = { id: 'agent', name: 'main', workspaceUid: 'uid-dev' }
    await appendAgentLogs(db, author, [line, { ...line, text: 'again' }])
    await appendAgentLogs(db, { ...author, workspaceUid: 'uid-none' }, [line])
    expect(await readLogs(db, first.job.id, null, 10)).toEqual([])
    const rows = await readLogs(db, second.job.id, null, 10)
    expect(rows[0]).toEqual({ id: expect.any(String), jobId: second.job.id, stage: 'agent: startup', agent: 'main', ...line })
    expect(rows.map((row) => row.text)).toEqual(['hello', 'again'])
  })

  test('of an agent that is not known any more is nobody’s', async () => {
    expect(await agentConnected(db, 'gone', connection)).toBe(false)
  })
})

describe('a lifecycle', () => {
  test('goes forward only within a run, and begins anew with another', async () => {
    await made(await build())
    await agentConnected(db, 'agent-1', connection)
    expect(await agentReported(db, 'agent-1', 'run-1', 'Ready', '')).toBe(true)
    expect(await agentReported(db, 'agent-1', 'run-1', 'Starting', 'late')).toBe(false)
    expect(await agentReported(db, 'agent-1', 'run-1', 'StartError', 'late')).toBe(false)
    expect(await agentReported(db, 'agent-1', 'run-0', 'Off', 'of another run')).toBe(false)
    expect(await only()).toMatchObject({ lifecycle: 'Ready', message: '' })
    await agentConnected(db, 'agent-1', connection)
    expect(await only()).toMatchObject({ lifecycle: 'Ready', runId: 'run-1' })
    await agentConnected(db, 'agent-1', { ...connection, runId: 'run-2' })
    expect(await only()).toMatchObject({ lifecycle: 'Created', runId: 'run-2' })
    expect(await agentReported(db, 'agent-1', 'run-2', 'StartError', 'exit 1')).toBe(true)
    expect(await only()).toMatchObject({ lifecycle: 'StartError', message: 'exit 1' })
  })

  test('a wish to shut down is told once, and answered by the end of the next build', async () => {
    const claim = await build()
    await made(claim)
    await finishJob(db, claim, outcome(['agent-1']))
    await wishShutdown(db, 'uid-dev')
    const { shutdownRequestedAt } = await only()
    expect(shutdownRequestedAt).not.toBeNull()
    await wishShutdown(db, 'uid-dev')
    expect((await only()).shutdownRequestedAt).toBe(shutdownRequestedAt)
    await finishJob(db, await build('stop'), outcome(['agent-1']))
    expect((await only()).shutdownRequestedAt).toBeNull()
  })

  test('an agent that stays in the state over a stop is waited for anew by the next start', async () => {
    const start = await build()
    await made(start)
    await agentConnected(db, 'agent-1', connection)
    await agentReported(db, 'agent-1', 'run-1', 'Off', '')
    await finishJob(db, start, outcome(['agent-1']))
    const { createdAt } = await only()
    await finishJob(db, await build('stop'), outcome(['agent-1']))
    expect(await only()).toMatchObject({ firstConnectedAt: null, lastSeenAt: null, lifecycle: 'Created', runId: null })
    await made(await build())
    expect((await only()).createdAt).toBeGreaterThan(createdAt)
  })
})

describe('the status, computed when it is read', () => {
  const now = 1_000_000
  const agent = { createdAt: now, firstConnectedAt: null, disconnectedAt: null, lastSeenAt: null, manifest }
  const seen = { ...agent, firstConnectedAt: now, lastSeenAt: now }
  test.each([
    ['never connected, in time', agent, now + 120_000, 'Connecting'],
    ['never connected, too late', agent, now + 120_001, 'Timeout'],
    ['never connected, no limit', { ...agent, manifest: { ...manifest, connectionTimeoutSeconds: 0 } }, now + 1e9, 'Connecting'],
    ['connected', seen, now + 30_000, 'Connected'],
    ['silent for too long', seen, now + 30_001, 'Disconnected'],
    ['closed', { ...seen, disconnectedAt: now }, now, 'Disconnected'],
    ['closed, but seen since', { ...seen, disconnectedAt: now - 1 }, now, 'Connected'],
  ] as const)('%s', (_, given, at, status) => {
    expect(statusOf(given, at)).toBe(status)
  })
})
