import { spawn, type ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { sha256 } from '../../controller/kernel/names.ts'
import { NO_MANIFEST } from '../../controller/store/agent-manifests.ts'
import { agentMade, agentsOf } from '../../controller/store/agents.ts'
import type { Db } from '../../controller/store/pool.ts'
import { queueBuild } from '../../controller/store/queue-jobs.ts'
import type { AgentManifest, AgentRow, AgentScript } from '../../controller/store/records.ts'
import { COMPILED } from '../support/compiled.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { until } from '../support/until.ts'

/** Agents as the control plane knows them, and their real processes. */

export interface Made {
  readonly id: string
  readonly token: string
  readonly workspace: string
  readonly jobId: string
}

const NO_INPUT = {
  owner: { name: 'ada', id: 'ada', fullName: '', email: '' },
  template: { uid: 't', namespace: 'default', name: 't' },
  parameters: {},
  previousParameters: {},
  variables: {},
  preset: null,
}

export const script = (name: string, text: string, more: Partial<AgentScript> = {}): AgentScript => ({
  name,
  script: text,
  on: 'start',
  cron: null,
  timeoutSeconds: 30,
  logPath: '',
  blocksLogin: false,
  ...more,
})

/** An agent of a workspace whose newest state has it. */
export async function makeAgent(db: Db, manifest: Partial<AgentManifest> = {}): Promise<Made> {
  const workspace = `w-${randomUUID().slice(0, 8)}`
  const queued = await queueBuild(db, {
    subject: { uid: workspace, namespace: 'default', name: workspace },
    digest: 'sha256:x',
    reason: 'Created',
    initiator: 'ada',
    class: 'person',
    labels: {},
    number: 1,
    transition: 'start',
    requestUid: null,
    inputs: '',
    input: NO_INPUT,
  })
  if (!queued.queued) throw new Error(queued.why)
  const [id, token, jobId] = [randomUUID(), randomUUID(), queued.job.id]
  await agentMade(db, {
    id,
    workspaceUid: workspace,
    workspaceKey: `Workspace/default/${workspace}`,
    jobId,
    tokenHash: sha256(token),
    manifest: { ...NO_MANIFEST, ...manifest },
  })
  await db.query(`update agents set confirmed = true, name = 'main' where id = $1`, [id])
  return { id, token, workspace, jobId }
}

export async function rowOf(db: Db, made: Made): Promise<AgentRow> {
  const [row] = await agentsOf(db, made.workspace)
  if (!row) throw new Error(`no row of agent ${made.id}`)
  return row
}

export const reached = (db: Db, made: Made, lifecycle: string): Promise<AgentRow> =>
  until(`agent to be ${lifecycle}`, async () => {
    const row = await rowOf(db, made)
    return row.lifecycle === lifecycle ? row : null
  })

export interface AgentProcess {
  readonly pid: number
  readonly home: string
  readonly output: () => string
  readonly exited: Promise<number>
  signal(name: NodeJS.Signals): void
}

export interface AgentOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly command?: readonly [string, ...string[]]
}

export const AGENT = join(import.meta.dirname, '../../agent/main.ts')

/** The real program. Ended with the test. */
export function startAgent(
  made: Pick<Made, 'id' | 'token'>,
  url: string,
  { env = {}, command = [process.execPath, AGENT] }: AgentOptions = {},
): AgentProcess {
  const home = temporaryFolder('bothy-agent-')
  const tokenFile = join(home, '.token')
  writeFileSync(tokenFile, `${made.token}\n`, { mode: 0o600 })
  const [program, ...args] = command
  const child = spawn(program, args, {
    cwd: home,
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: home,
      SHELL: '/bin/bash',
      BOTHY_AGENT_ID: made.id,
      BOTHY_AGENT_TOKEN_FILE: tokenFile,
      BOTHY_URL: url,
      ...COMPILED,
      ...env,
    },
  })
  return followed(child, home)
}

function followed(child: ChildProcess, home: string): AgentProcess {
  let output = ''
  child.stdout?.on('data', (data: Buffer) => (output += data.toString()))
  child.stderr?.on('data', (data: Buffer) => (output += data.toString()))
  const exited = new Promise<number>((resolve) => child.on('close', (code, signal) => resolve(signal ? 128 : (code ?? 1))))
  onTestFinished(async () => {
    child.kill('SIGTERM')
    const kill = setTimeout(() => child.kill('SIGKILL'), 9000)
    await exited
    clearTimeout(kill)
  })
  return { pid: child.pid ?? 0, home, output: () => output, exited, signal: (name) => void child.kill(name) }
}
