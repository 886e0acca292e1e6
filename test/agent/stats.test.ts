import { afterAll, expect, onTestFinished, test } from 'vitest'
import type { Call } from '../../agent/call.ts'
import { hasForegroundJob } from '../../agent/foreground.ts'
import type { StatsNow, Use } from '../../agent/protocol.ts'
import { spawnInPty } from '../../agent/pty.ts'
import { createReports } from '../../agent/reports.ts'
import { findProgram } from '../../agent/resolve-command.ts'
import { createStats } from '../../agent/stats.ts'
import { joined } from '../../agent/uses.ts'
import { systemClock } from '../../controller/kernel/clock.ts'
import { activities } from '../../controller/store/activity.ts'
import { answersTo } from '../../controller/store/questions.ts'
import { steppedClock } from '../support/clock.ts'
import { withDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { startControlPlane } from './control-plane.ts'
import { person } from './person.ts'
import { makeAgent, reached, rowOf, startAgent } from './world.ts'

const { db } = await withDatabase()
const plane = await startControlPlane(db)
afterAll(() => plane.close())

const START = Date.parse('2026-11-21T08:00:00Z')
const SECOND = 1000

const unused = () => {
  throw new Error('not asked of a call that is only looked at')
}

/** A call as the statistics see it, and what a test makes of it. */
function pretendCall(over: Partial<Call> = {}) {
  const ended = Promise.withResolvers<Awaited<Call['ended']>>()
  const call = {
    seen: { id: 'c', pid: 1, argv: [], startedAt: START, exit: null, attached: true },
    background: false,
    terminal: true,
    startedAt: START,
    by: 'ada',
    typedAt: null as number | null,
    aloneSince: null as number | null,
    exited: false,
    ended: ended.promise,
    attach: unused,
    detach: unused,
    drained: unused,
    acknowledge: unused,
    input: unused,
    endInput: unused,
    resize: unused,
    signal: unused,
    ...over,
  }
  return { call, end: () => ended.resolve({ code: 0, signal: null, pipesLeftOpen: false }) }
}

function statsOf() {
  const clock = steppedClock(START)
  const said: [seconds: number, ...(readonly [string, number, number])[]][] = []
  const seconds = (at: number) => (at - START) / SECOND
  let busy = false
  const record = (uses: readonly Use[]) => {
    said.push([seconds(clock.now()), ...joined(uses).map(({ kind, from, until: till }) => [kind, seconds(from), seconds(till)] as const)])
  }
  const stats = createStats({ stats: record }, clock, () => busy)
  return { clock, said, stats, work: (now: boolean) => (busy = now) }
}

test('a session that is no command is use when it begins, is touched, and as long as it is busy', async () => {
  const clock = steppedClock(START)
  const said: { readonly uses: readonly Use[]; readonly now: StatsNow | undefined }[] = []
  const stats = createStats(
    { stats: (uses, now) => said.push({ uses, now }) },
    clock,
    () => false,
    () => ({ processes: 3, memoryBytes: 5 }),
  )
  let busy = false
  await clock.step(2 * SECOND)
  const session = stats.begin('Ssh', 'ada', () => busy)
  const port = stats.begin('PortForward', 'bob')
  await clock.step(0)
  const use = (kind: string, by: string, from: number, until = from) => ({
    kind,
    by,
    from: START + from * SECOND,
    until: START + until * SECOND,
  })
  expect(said.at(-1)).toEqual({
    uses: [use('Ssh', 'ada', 2), use('PortForward', 'bob', 2)],
    now: { sessions: { Ssh: 1, PortForward: 1 }, connections: 2, bytesIn: 0, bytesOut: 0, processes: 3, memoryBytes: 5 },
  })
  await clock.step(10 * SECOND)
  port.touch(100, 2000)
  busy = true
  await clock.step(20 * SECOND)
  expect(said.at(-1)).toMatchObject({
    uses: [use('Ssh', 'ada', 2, 32), use('PortForward', 'bob', 12)],
    now: { bytesIn: 100, bytesOut: 2000 },
  })
  busy = false
  await clock.step(30 * SECOND)
  expect(said.at(-1)?.uses).toEqual([])
  session.end()
  session.end()
  port.end()
  await clock.step(SECOND)
  expect(said.at(-1)).toMatchObject({ uses: [], now: { sessions: {}, connections: 0, bytesIn: 100 } })
})

test('a report every thirty seconds also when nobody is there, and within a second of a session', async () => {
  const { clock, said, stats } = statsOf()
  await clock.step(30 * SECOND)
  const { call, end } = pretendCall({ startedAt: START + 31 * SECOND, terminal: false })
  await clock.step(SECOND)
  stats.watch(call)
  await clock.step(0)
  expect(said).toEqual([[30], [31, ['Process', 31, 31]]])
  await clock.step(500)
  end()
  await clock.step(0)
  await clock.step(SECOND)
  await clock.step(30 * SECOND)
  expect(said.slice(2)).toEqual([[32, ['Process', 31, 31.5]], [62]])
})

test('at a terminal: what is typed, and what runs in the foreground; not a shell that waits', async () => {
  const { clock, said, stats, work } = statsOf()
  const { call, end } = pretendCall()
  await clock.step(2 * SECOND)
  stats.watch(Object.assign(call, { startedAt: START + 1500 }))
  await clock.step(40 * SECOND)
  Object.assign(call, { typedAt: START + 41 * SECOND })
  await clock.step(25 * SECOND)
  work(true)
  await clock.step(30 * SECOND)
  work(false)
  await clock.step(30 * SECOND)
  end()
  await clock.step(0)
  await clock.step(2 * SECOND)
  expect(said).toEqual([[2, ['Terminal', 1.5, 1.5]], [32], [62, ['Terminal', 41, 41]], [92, ['Terminal', 62, 92]], [122], [127]])
})

test('a command that nobody follows is no use, at a terminal or not, once it is in background', async () => {
  const { clock, said, stats, work } = statsOf()
  work(true)
  stats.watch(pretendCall({ background: true, aloneSince: START - 1 }).call)
  const { call } = pretendCall({ terminal: false })
  stats.watch(call)
  await clock.step(5 * SECOND)
  Object.assign(call, { aloneSince: clock.now() })
  await clock.step(60 * SECOND)
  expect(said).toEqual([[1, ['Process', 0, 1]], [31, ['Process', 1, 5]], [61]])
})

test('ten thousand short commands are a report a second', async () => {
  const { clock, said, stats } = statsOf()
  for (let i = 0; i < 10_000; i += 1) {
    const { call, end } = pretendCall({ terminal: false, startedAt: clock.now() })
    stats.watch(call)
    end()
    if (i % 1000 === 0) await clock.step(SECOND)
  }
  await clock.step(SECOND)
  expect(said.length).toBeLessThan(15)
  expect(said.every((report) => report.length <= 2)).toBe(true)
})

const use = (from: number, till: number): Use => ({ kind: 'Terminal', by: 'ada', from: from * SECOND, until: till * SECOND })

test('reports that wait are one, and lose no use', () => {
  const reports = createReports(() => 5)
  reports.lifecycle('Ready', '')
  reports.stats([use(0, 10)])
  reports.stats([use(30, 40), use(500, 501)])
  reports.stats([])
  expect(reports.after(1)).toEqual([{ kind: 'stats', uses: [use(0, 40), use(500, 501)], seq: 4, at: 5 }])
  expect(joined(Array.from({ length: 200 }, (_, i) => use(i * 100, i * 100)))).toHaveLength(64)
})

const sources = async (workspace: string) => (await answersTo(db, { activities }, [workspace])).activities.get(workspace)?.sources ?? []

test('a command somebody ran is on the ledger with their name, and the agent is known to speak', async () => {
  const made = await makeAgent(db)
  startAgent(made, plane.url)
  await reached(db, made, 'Ready')
  await until('the first report', async () => (await rowOf(db, made)).reportedAt !== null)
  const before = Date.now()
  expect(await person(plane.url, made, ['true']).code).toBe(0)
  const [source] = await until('the use', async () => {
    const seen = await sources(made.workspace)
    return seen.length > 0 ? seen : null
  })
  expect(source).toMatchObject({ kind: 'Process', by: 'ada' })
  expect(source?.at).toBeGreaterThan(before - 5000)
  expect(source?.at).toBeLessThan(Date.now() + 5000)
})

for (const kind of ['native', 'python3', 'script'] as const) {
  test(`a shell that waits is not used, a job in its foreground is: a terminal through ${kind}`, async () => {
    const env = { PATH: process.env['PATH'] ?? '', TERM: 'xterm' }
    const wanted = { argv: ['bash', '--norc', '--noprofile'] as const, cwd: '/', env, stdin: true, pipesLimit: () => {} }
    const pty = await spawnInPty(wanted, { cols: 80, rows: 24 }, systemClock, (program) => findProgram(program, env.PATH, '/'), [kind])
    if (!pty) throw new Error(`no terminal through ${kind}`)
    onTestFinished(() => pty.signal('SIGKILL'))
    let output = ''
    pty.onOutput((_kind, data) => (output += data.toString()))
    const type = (text: string) => pty.write(Buffer.from(text))
    const becomes = (job: boolean, what: string) => until(what, () => hasForegroundJob(pty.pid) === job)
    await until('a prompt', () => /[#$] /.test(output))
    await becomes(false, 'the prompt')
    await type('sleep 1000\n')
    await becomes(true, 'a job')
    // Ctrl-C that comes before the job has made itself ready for it is lost, as at any terminal: it is pressed again.
    await until(
      'the job to be interrupted',
      async () => {
        if (hasForegroundJob(pty.pid) === false) return true
        await type('\x03')
        return null
      },
      { everyMs: 200 },
    )
    await type('sleep 1000 &\n')
    await until('a background job', () => /\[1\] \d+/.test(output))
    await becomes(false, 'a job in the background only')
    await type('kill %1; exec sleep 1000\n')
    await becomes(true, 'no shell at all')
  })
}
