import { spawn } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { systemClock } from '../../controller/kernel/clock.ts'
import { identityFromEnvironment, type Variables } from '../../provider/launched-environment.ts'
import { launchedHost } from '../../provider/launched-host.ts'
import { reattachEnvironment } from '../../provider/reattach.ts'
import { serveProvider } from '../../provider/serve.ts'

/** One folder of configuration, run with the reference's provider or with ours, served or launched, in the same environment. */

/** `ours` is served by this test; the others are started by terraform, which installs them from the mirror it is given. */
export type Which = 'reference' | 'ours' | 'launched'

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Side {
  readonly which: Which
  readonly folder: string
  /** Serves ours with what the variables say, and gives them to terraform for the reference to read. */
  as(variables: Variables): Promise<void>
  run(...args: readonly string[]): Promise<Ran>
  /** Expects success. */
  must(...args: readonly string[]): Promise<string>
  stateText(): Promise<string>
  close(): Promise<void>
}

const nothing = async (): Promise<void> => {}

export async function openSide(which: Which, mirror: string, write: (folder: string) => Promise<void>): Promise<Side> {
  const home = await mkdtemp(join(tmpdir(), `bothy-oracle-${which}-`))
  const folder = join(home, 'work')
  await mkdir(folder)
  await write(folder)
  const config = which !== 'ours' ? `provider_installation {\n  filesystem_mirror {\n    path = ${JSON.stringify(mirror)}\n  }\n}\n` : ''
  await writeFile(join(home, 'terraformrc'), config)
  let close = nothing
  let variables: Variables = {}
  let served = 0

  const run: Side['run'] = (...args) =>
    new Promise((resolve, reject) => {
      const child = spawn('terraform', args, {
        cwd: folder,
        stdio: ['ignore', 'pipe', 'pipe'],
        env: {
          PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter),
          HOME: home,
          TF_CLI_CONFIG_FILE: join(home, 'terraformrc'),
          CHECKPOINT_DISABLE: '1',
          TF_IN_AUTOMATION: '1',
          GOMAXPROCS: '2',
          GOGC: 'off',
          GOMEMLIMIT: '500MiB',
          ...(which === 'ours' ? { TF_REATTACH_PROVIDERS: reattachEnvironment(join(home, `${served}.sock`), process.pid) } : variables),
        },
      })
      const chunks: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] }
      child.stdout.on('data', (chunk: Buffer) => chunks.stdout.push(chunk))
      child.stderr.on('data', (chunk: Buffer) => chunks.stderr.push(chunk))
      child.on('error', reject)
      child.on('close', (code) =>
        resolve({ code, stdout: Buffer.concat(chunks.stdout).toString(), stderr: Buffer.concat(chunks.stderr).toString() }),
      )
    })

  const side: Side = {
    which,
    folder,
    async as(next) {
      await close()
      close = nothing
      variables = next
      if (which !== 'ours') return
      served++
      const server = await serveProvider(launchedHost(identityFromEnvironment(next)), join(home, `${served}.sock`), { clock: systemClock })
      close = () => server.close()
    },
    run,
    async must(...args) {
      const { code, stdout, stderr } = await run(...args)
      if (code !== 0) throw new Error(`${which}: terraform ${args.join(' ')} ended with ${code}:\n${stderr}\n${stdout}`)
      return stdout
    },
    stateText: () => readFile(join(folder, 'terraform.tfstate'), 'utf8'),
    async close() {
      await close()
      await rm(home, { recursive: true, force: true })
    },
  }
  await side.as({})
  return side
}

/** A root that calls each of the folders as a module: one run of terraform for all of them. */
export const rootOf =
  (corpus: string, names: readonly string[]) =>
  async (folder: string): Promise<void> => {
    await cp(corpus, join(folder, 'corpus'), { recursive: true })
    const calls = names.map((name) => `module "${name}" {\n  source = "./corpus/${name}"\n}\n`)
    await writeFile(join(folder, 'main.tf'), [REQUIRED, ...calls].join('\n'))
  }

export const REQUIRED = `terraform {
  required_providers {
    coder = {
      source = "coder/coder"
    }
  }
}
`
