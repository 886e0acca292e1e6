import { field, listOf, textOf } from './json.ts'
import { inNamespace, type ApiObject, type Ref } from './objects.ts'
import type { Session } from './session.ts'
import { goalOf, isStalled, type Goal } from './wait.ts'

/** A workspace that somebody waits for to be usable: whoever asked is there to mend what keeps it from that. */
export const RUNNING: Goal = { ...goalOf('condition=Running'), isHopeless: isStalled }

/** It can be used, and yet something that should have happened at its start did not. */
const scriptsFailed = (workspace: ApiObject | null): boolean =>
  listOf(field(workspace, 'status', 'agents')).some((agent) => /^Start(Error|Timeout)$/.test(textOf(field(agent, 'lifecycle')) ?? ''))

/** What is said of one that runs: `otherwise`, unless it limps. */
export const howItRuns = ({ environment }: Session, ref: Ref, workspace: ApiObject | null, otherwise: string): string =>
  scriptsFailed(workspace)
    ? `is running, but a start script failed; see: ${environment.program} logs ${ref.name}${inNamespace(ref.namespace)}`
    : otherwise
