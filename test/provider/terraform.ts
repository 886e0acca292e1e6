import { spawn, type ChildProcess } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../controller/kernel/clock.ts'
import type { Host } from '../../provider/port.ts'
import { reattachEnvironment } from '../../provider/reattach.ts'
import { serveProvider } from '../../provider/serve.ts'

/** The real terraform in a folder of its own, reattached to a provider that this test serves. */

export interface Run {
  readonly code: number | null
  readonly output: string
}

export interface Terraform {
  readonly folder: string
  write(main: string): Promise<void>
  start(...args: readonly string[]): { readonly child: ChildProcess; readonly ended: Promise<Run> }
  run(...args: readonly string[]): Promise<Run>
  /** Applies and expects success. */
  apply(...args: readonly string[]): Promise<Run>
  /** The attributes of a resource in the state, by address. */
  state(): Promise<ReadonlyMap<string, Readonly<Record<string, unknown>>>>
  /** Serves another build on another socket from now on, in the same folder. */
  rehost(host: Host): Promise<void>
  close(): Promise<void>
}

export const REQUIRED = `
terraform {
  required_providers {
    coder = { source = "coder/coder" }
    bothy = { source = "bothy/bothy" }
  }
}
`

export async function terraformWith(host: Host): Promise<Terraform> {
  const folder = await mkdtemp(join(tmpdir(), 'bothy-terraform-'))
  const work = join(folder, 'work')
  await mkdir(work)
  await writeFile(join(folder, 'terraformrc'), '')
  let builds = 0
  const serve = (each: Host) => serveProvider(each, join(folder, `${builds++}.sock`), { clock: systemClock })
  let server = await serve(host)

  const environment = () => ({
    PATH: process.env['PATH'] ?? '',
    HOME: folder,
    TF_CLI_CONFIG_FILE: join(folder, 'terraformrc'),
    TF_REATTACH_PROVIDERS: reattachEnvironment(join(folder, `${builds - 1}.sock`), process.pid),
    CHECKPOINT_DISABLE: '1',
    TF_IN_AUTOMATION: '1',
    GOMAXPROCS: '1',
    GOGC: 'off',
    GOMEMLIMIT: '300MiB',
  })

  const start: Terraform['start'] = (...args) => {
    const child = spawn('terraform', args, { cwd: work, env: environment(), stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
    const ended = new Promise<Run>((resolve, reject) => {
      child.on('error', reject)
      child.on('close', (code) => resolve({ code, output }))
    })
    return { child, ended }
  }
  const run: Terraform['run'] = (...args) => start(...args).ended

  return {
    folder: work,
    write: (main) => writeFile(join(work, 'main.tf'), REQUIRED + main),
    start,
    run,
    async apply(...args) {
      const done = await run('apply', '-auto-approve', '-input=false', '-no-color', ...args)
      if (done.code !== 0) throw new Error(`terraform apply ended with ${done.code}:\n${done.output}`)
      return done
    },
    async state() {
      const state: {
        resources: { mode: string; type: string; name: string; instances: { index_key?: number; attributes: Record<string, unknown> }[] }[]
      } = JSON.parse(await readFile(join(work, 'terraform.tfstate'), 'utf8'))
      return new Map(
        state.resources.flatMap(({ mode, type, name, instances }) =>
          instances.map(({ index_key, attributes }) => {
            const address = `${mode === 'data' ? 'data.' : ''}${type}.${name}${index_key === undefined ? '' : `[${index_key}]`}`
            return [address, attributes] as const
          }),
        ),
      )
    },
    async rehost(next) {
      await server.close()
      server = await serve(next)
    },
    async close() {
      await server.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
