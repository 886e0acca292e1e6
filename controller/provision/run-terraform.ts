import { chown, mkdir, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Host } from '../../provider/port.ts'
import { serveProvider } from '../../provider/serve.ts'
import type { Clock } from '../kernel/clock.ts'
import { inMebibytes, tooMuchIn, watchLimits, type BuildLimits } from './build-limits.ts'
import { environmentOf } from './environment.ts'
import { mayInterrupt, type WorkFolder } from './folder.ts'
import type { Sandbox } from './sandbox.ts'
import { startTerraform, type Ended, type Process, type Terraform } from './terraform.ts'

/** Why a running terraform is told to stop. */
export type StopReason = 'canceled' | 'too long' | 'lease lost' | 'closing'

export interface TerraformRun {
  readonly jobId: string
  readonly folder: WorkFolder
  readonly args: readonly string[]
  readonly variables: Readonly<Record<string, string>>
  /** What the provider asks of this build; its socket is the build's identity. */
  readonly host: Host
  /** Aborts, with a StopReason, when it must stop. */
  readonly stop: AbortSignal
  readonly onLine: (line: string) => void
  /** Told at once, so that a crash of ours can be told from one of terraform's. */
  readonly onProcess: (process: Process) => void
}

export interface TerraformTools {
  readonly clock: Clock
  readonly terraform: Terraform
  readonly sandbox: Sandbox
  readonly passed: Readonly<Record<string, string>>
  /** From the SIGINT on; then SIGKILL, which may orphan what is being made. */
  readonly graceMs: number
  readonly buildLimits: BuildLimits
}

export interface TerraformEnded extends Ended {
  /** The grace was over: what was being made at that moment may be in no state. */
  readonly killed: boolean
  /** What it used too much of, as a sentence; null: nothing. */
  readonly exceeded: string | null
}

const CLOSE_MS = 30_000

/** Serves the provider for this one build, runs terraform once, and sees it to its end. */
export async function runTerraform(tools: TerraformTools, run: TerraformRun): Promise<TerraformEnded> {
  const { clock, sandbox } = tools
  const { folder } = run
  if (folder.socketOutside) await mkdir(dirname(folder.socket), { mode: 0o700 })
  const server = await serveProvider(run.host, folder.socket, { clock })
  try {
    const user = sandbox.userOf(run.jobId)
    if (user !== null) await chown(folder.socket, user, user)
    return await seeThrough(tools, run)
  } finally {
    await closed(server, tools)
    if (folder.socketOutside) await rm(dirname(folder.socket), { recursive: true, force: true })
  }
}

/** What a killed terraform had asked for is still made to its end: until then, but not for ever, the build has not ended. */
async function closed(server: { close(): Promise<void> }, { clock, graceMs }: TerraformTools): Promise<void> {
  const over = new AbortController()
  await Promise.race([server.close(), clock.sleep(Math.min(graceMs, CLOSE_MS), over.signal)])
  over.abort()
}

async function seeThrough(
  { clock, terraform, sandbox, passed, graceMs, buildLimits }: TerraformTools,
  run: TerraformRun,
): Promise<TerraformEnded> {
  const place = sandbox.placeOf(run.folder.path)
  const inside = run.folder.socketOutside ? '/provider.sock' : `${place.folder}/p.sock`
  const isolated = place.folder !== run.folder.path
  const { shared } = run.folder
  let printed = 0
  let exceeded: string | null = null
  const exceed = (what: string): void => {
    if (exceeded === null) stop()
    exceeded ??= what
  }
  const running = startTerraform(
    await sandbox.launch({
      jobId: run.jobId,
      terraform,
      folder: run.folder.path,
      socket: isolated && run.folder.socketOutside ? { outside: run.folder.socket, inside } : null,
      args: run.args,
      env: environmentOf({ place, socket: isolated ? inside : run.folder.socket, variables: run.variables, passed }),
      shown: shared ? [shared] : [],
      network: shared?.network ? 'providers' : 'none',
    }),
    (line) => {
      printed += line.length
      if (printed > buildLimits.outputBytes) exceed(`the build printed more than ${inMebibytes(buildLimits.outputBytes)} and was ended`)
      else run.onLine(line)
    },
  )
  void running.process.then((process) => process && run.onProcess(process))
  const grace = new AbortController()
  let killed = false
  let stopping = false
  const stop = () => {
    if (stopping) return
    stopping = true
    if (mayInterrupt(run.folder.path)) running.interrupt()
    const cancel = clock.after(graceMs, () => {
      killed = true
      running.kill()
    })
    grace.signal.addEventListener('abort', cancel, { once: true })
  }
  if (run.stop.aborted) stop()
  else run.stop.addEventListener('abort', stop, { once: true })
  const looks = [() => tooMuchIn(run.folder.path, buildLimits), () => sandbox.exceeded(run.jobId)]
  const watched = watchLimits(clock, looks, grace.signal, exceed)
  try {
    const ended = await running.ended
    const tooMuch = (await sandbox.over(run.jobId)) ?? exceeded
    return { ...ended, stderr: tooMuch ?? ended.stderr, killed, exceeded: tooMuch }
  } finally {
    run.stop.removeEventListener('abort', stop)
    grace.abort()
    await watched
  }
}
