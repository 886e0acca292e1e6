import type { EnteredName } from './entered-name.ts'
import { EXIT, Failure } from './failure.ts'
import { field, textOf } from './json.ts'
import { knownObject } from './known-object.ts'
import { inNamespace, refOf, type ApiObject } from './objects.ts'
import { optionsOf, type Options } from './options.ts'
import { RUNNING } from './running.ts'
import type { Session } from './session.ts'
import { conditionOf, waitFor } from './wait.ts'

/** What every way into a workspace does first: one that is stopped is started, and its progress is shown. */

const START_LIMIT_MS = 10 * 60_000
const BACK_LIMIT_MS = 20_000
const BACK_LOOK_MS = 200

/** stdout belongs to what is entered: whatever is said goes beside it. */
export const aside = (session: Session): Session => ({
  ...session,
  output: null,
  terminal: { ...session.terminal, out: session.terminal.err, write: session.terminal.draw },
})

export async function started(session: Session, { workspace, namespace }: EnteredName, options: Options): Promise<void> {
  const quiet: Session = { ...aside(session), namespace }
  const ref = refOf(workspace, namespace, 'workspace')
  const found = await patiently(session, () => knownObject(quiet, ref))
  if (isRunning(found)) return
  if (textOf(field(found, 'status', 'power', 'effective')) !== 'Stopped') {
    await waitFor(quiet, ref, RUNNING, START_LIMIT_MS)
    return
  }
  if (!options.flag('start')) throw stopped(session, workspace, namespace)
  const { run } = await import('./request.ts')
  await run({ ...quiet, command: 'start' }, [workspace], optionsOf({ wait: true, timeout: `${START_LIMIT_MS / 1000}s` }))
}

const isRunning = (object: ApiObject): boolean => textOf(field(conditionOf(object, 'Running'), 'status')) === 'True'

const stopped = ({ environment }: Session, workspace: string, namespace: string): Failure =>
  new Failure(
    EXIT.refused,
    { what: `workspace ${workspace} is stopped`, fix: `start it: ${environment.program} start ${workspace}${inNamespace(namespace)}` },
    { reason: 'Conflict' },
  )

/** A control plane that is just being started again is waited for: whoever lost a session comes back at once. */
export async function patiently<T>({ clock, terminal }: Session, work: () => Promise<T>): Promise<T> {
  const limitAt = clock.elapsedMs() + BACK_LIMIT_MS
  for (let told = false; ; told = true) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== EXIT.unreachable || clock.elapsedMs() >= limitAt) throw error
      if (!told && !terminal.quiet) terminal.err(`bothy: ${error.text.what}; trying for some seconds`)
      await clock.sleep(BACK_LOOK_MS)
    }
  }
}
