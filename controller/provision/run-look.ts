import { shownAddress } from '../kernel/addresses.ts'
import { Stalled } from '../kernel/errors.ts'
import { buildsOf } from '../store/read-jobs.ts'
import type { JobResult } from '../store/records.ts'
import { newestState } from '../store/states.ts'
import { diagnose } from './diagnose.ts'
import { identityOf, openInput, prepareFolder, resultOf, stopReasonOf, templateOf, type Ending, type Tools, type Work } from './job.ts'
import { listen } from './listen.ts'
import { runTerraform } from './run-terraform.ts'

const BUILDS_LOOKED_AT_MAX = 20
/** Addresses that are told of. */
const DRIFT_MAX = 50

/** Is the machine there, has something drifted? Changes nothing, not even the state. */
export async function runLook(tools: Tools, work: Work): Promise<Ending> {
  const { claim, journal, stop } = work
  const { job } = claim
  const sealed = await newestState(tools.db, job.subject.uid)
  if (!sealed) return seen(work, [], [])
  // Looked at as it was built: the template may be asked differently by now.
  const built = (await buildsOf(tools.db, job.subject.uid, BUILDS_LOOKED_AT_MAX)).find(({ input }) => input !== null)
  if (!built?.input) throw new Stalled('NotBuilt', 'no build of this workspace is known')
  const folder = await prepareFolder(tools, work, await templateOf(tools, job), tools.sealer.open(sealed, job.subject.uid))
  const machines = new Map<string, NonNullable<JobResult['machines']>[number]>()
  const heard = listen(work, 'Planning')
  const ended = await runTerraform(tools, {
    jobId: job.id,
    folder,
    args: ['plan', '-refresh-only', '-json', '-input=false'],
    variables: (await openInput(tools, journal, built.input)).variables,
    host: {
      identity: { ...identityOf(tools, job, built.input), transition: built.transition ?? 'start' },
      machines: tools.machinesFor({ workspace: job.subject, owner: built.input.owner, buildId: job.id, tokenOf: () => null }),
      reports: {
        parameter: () => {},
        preset: () => {},
        agent: async ({ token }) => journal.conceal(token),
        creating: async () => {
          throw new Stalled('InternalError', 'a look makes nothing')
        },
        machine: (machine) => void machines.set(`${machine.type} ${machine.name}`, machine),
      },
    },
    stop,
    onLine: heard.onLine,
    onProcess: () => {},
  })
  work.worked()
  journal.stage('Cleaning up')
  if (ended.code === 0) return seen(work, [...machines.values()], heard.drifted())
  const result = resultOf(journal)
  if (stopReasonOf(stop) === 'canceled')
    return { phase: 'Canceled', reason: 'BuildCanceled', error: null, state: null, agents: null, result }
  const { reason, text } = diagnose(heard.failures(), 'BuildFailed', ended.stderr || 'terraform ended without saying why')
  return { phase: 'Failed', reason, error: journal.redacted(text), state: null, agents: null, result }
}

const seen = ({ journal }: Work, machines: NonNullable<JobResult['machines']>, drift: readonly string[]): Ending => ({
  phase: 'Succeeded',
  reason: null,
  error: null,
  state: null,
  agents: null,
  result: resultOf(journal, { machines, drift: drift.slice(0, DRIFT_MAX).map(shownAddress) }),
})
