import { field, textOf } from './json.ts'
import { pathOfRef, type Ref } from './objects.ts'
import type { Session } from './session.ts'
import { standingOf } from './wait.ts'
import { watchOne } from './watch.ts'

/** Says what a workspace's builds are doing until `signal` aborts. Only for people to read: it never fails. */
export async function followBuilds(session: Session, workspace: Ref, say: (text: string) => void, signal: AbortSignal): Promise<void> {
  const logs = new Map<number, Promise<void>>()
  let first: number | null = null
  try {
    for await (const object of watchOne(session.client(), session.clock, workspace.kind, workspace.namespace, workspace.name, signal)) {
      if (object === null) continue
      const number = field(object, 'status', 'build', 'number')
      const isOver = ['Succeeded', 'Failed', 'Canceled'].includes(textOf(field(object, 'status', 'build', 'phase')) ?? '')
      const current = typeof number === 'number' ? number : 0
      first ??= isOver ? current : current - 1
      say(standingOf(object))
      // The build that was there before is somebody else's news.
      if (current > first && !logs.has(current)) logs.set(current, followLog(session, workspace, current, say, signal))
    }
  } catch {
    // The answer itself is watched elsewhere, and says what is wrong.
  }
  await Promise.all(logs.values())
}

async function followLog(session: Session, workspace: Ref, build: number, say: (text: string) => void, signal: AbortSignal): Promise<void> {
  let stage = ''
  try {
    const query = { build: String(build), follow: 'true' }
    for await (const row of session.client().lines(pathOfRef(workspace, 'log'), { query, signal })) {
      const next = textOf(field(row, 'stage')) ?? ''
      if (next !== '' && next !== stage) say(`build ${build}, ${next}`)
      stage = next || stage
    }
  } catch {
    // A log that ends early costs a line of progress, nothing else.
  }
}
