import { existsSync } from 'node:fs'
import { readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ContainerMachines, ContainerSeen, ContainerWanted } from '../../provider/machine-ports.ts'
import { problem } from '../../provider/schema/rules.ts'
import { Wrong } from '../../provider/session.ts'
import type { Clock } from '../kernel/clock.ts'
import { messageOf } from '../kernel/errors.ts'
import { makeFolder } from '../kernel/folders.ts'
import type { Log } from '../kernel/log.ts'
import { whenAnswering } from './container-away.ts'
import { end, makeNetwork, makeVolume, removeAll, removeEphemeral, removeNetworkIfEmpty } from './container-belongings.ts'
import { bodyOf, inputsOf, LABEL, limitsOf, refusedOf } from './container-spec.ts'
import type { ContainerWorkspace, Inside, Naming } from './container-spec.ts'
import { DockerRefused, type Docker } from './docker.ts'
import { containerNamed, hasFile, removed, type ContainerFound } from './engine-objects.ts'
import { locked } from './lock.ts'
import { imageFor, type Image, type RegistryLogin } from './pull.ts'
import { machineName } from './record.ts'
import { giveToken, writeToken } from './token-file.ts'

/**
 * A machine that is a container. Docker keeps everything that is known of it: the name is the same at every try, and labels say
 * whose it is and what it was made of. So one that a crash left is found, and either goes on or makes room.
 */

export interface ContainerMachinesOptions {
  readonly docker: Docker
  readonly stateDir: string
  readonly workspace: ContainerWorkspace
  readonly buildId: string
  readonly clock: Clock
  readonly log: Log
  /** A line for people, in the log of the build. */
  readonly say: (line: string) => void
  readonly tokenOf: (agentId: string) => string | null
  readonly allowed: ReadonlySet<string>
  readonly loginFor: (registry: string) => Promise<RegistryLogin | null>
  /** The agent's program, and where it finds the control plane. */
  readonly inside: () => Promise<Omit<Inside, 'tokenFile'>>
  /** How long a build waits for a daemon that does not answer. */
  readonly awayMs?: number
}

const START_LIMIT_MS = 60_000
const SHELL = '/bin/sh'
/** What Node needs of an image, by the architecture of this machine. */
const LOADERS: Readonly<Record<string, string>> = { x64: '/lib64/ld-linux-x86-64.so.2', arm64: '/lib/ld-linux-aarch64.so.1' }

export function containerMachines(options: ContainerMachinesOptions): ContainerMachines {
  const { docker, stateDir, workspace, clock } = options
  const { uid } = workspace
  const root = join(stateDir, 'containers')
  const mark = join(root, `of-${uid}`)
  const placeOf = (name: string): Place => {
    const machine = machineName(uid, name)
    return { options, machine, folder: join(root, machine), mark, naming: { workspace, buildId: options.buildId, machine } }
  }
  const underLock = async <T>(name: string, work: (at: Place) => Promise<T>): Promise<T> => {
    const at = placeOf(name)
    makeFolder(root)
    return locked(`${at.folder}.lock`, clock, () => work(at))
  }
  const makeOrAdopt = (wanted: ContainerWanted, signal: AbortSignal): Promise<ContainerSeen> =>
    whenAnswering(options, signal, () =>
      underLock(wanted.name, async (at) => {
        const found = await ours(at)
        if (found && (await runsTheSame(at, found, wanted)) && (await goesOn(at, found))) return adopted(at, found, wanted)
        if (found) await end(docker, clock, found.id)
        return make(at, wanted, signal)
      }),
    )

  return {
    refused: (wanted) => refusedOf(wanted, options.allowed),
    prepare: (wanted, signal) => whenAnswering(options, signal, async () => void (await imageOf(options, wanted.image, signal))),
    observe: (name, signal) =>
      whenAnswering(options, signal, async () => {
        const found = await containerNamed(docker, machineName(uid, name))
        return found && isOurs(found, uid) && found.running ? seenOf(found) : null
      }),
    create: makeOrAdopt,
    update: makeOrAdopt,
    destroy: (name) =>
      whenAnswering(options, null, () =>
        underLock(name, async ({ machine, folder }) => {
          const found = await containerNamed(docker, machine)
          if (found && isOurs(found, uid)) await end(docker, clock, found.id)
          await removeEphemeral(docker, uid, name)
          await removeNetworkIfEmpty(docker, uid)
          await rm(folder, { recursive: true, force: true })
        }),
      ),
    async forget() {
      // Without a mark there is most likely nothing; what a lost state folder left is looked for where somebody answers.
      if (!existsSync(mark) && !(await answers(docker))) return
      await whenAnswering(options, null, () => removeAll(docker, clock, uid))
      const left = await readdir(root).catch(() => [])
      for (const each of left.filter((file) => file.startsWith(machineName(uid, ''))))
        await rm(join(root, each), { recursive: true, force: true })
      await rm(mark, { force: true })
    },
  }
}

/** One machine of this name, and where its things lie. */
interface Place {
  readonly options: ContainerMachinesOptions
  readonly machine: string
  readonly folder: string
  /** Says that this workspace has something in Docker, perhaps. */
  readonly mark: string
  readonly naming: Naming
}

const answers = (docker: Docker): Promise<boolean> =>
  docker.ping().then(
    () => true,
    () => false,
  )

const isOurs = ({ labels }: ContainerFound, uid: string): boolean => labels[LABEL.workspace] === uid

/** The container of this name, where it is ours to touch. */
async function ours({ options, machine }: Place): Promise<ContainerFound | null> {
  const found = await containerNamed(options.docker, machine)
  if (found && !isOurs(found, options.workspace.uid)) throw foreign(machine)
  return found
}

async function runsTheSame({ options }: Place, found: ContainerFound, wanted: ContainerWanted): Promise<boolean> {
  const { url } = await options.inside()
  return found.labels[LABEL.inputs] === inputsOf(wanted, { url }) && !losesLimit(found, wanted)
}

/** One that has ended is started again: what it wrote is still in it. false: it cannot be, or a crash left it half made. */
async function goesOn({ options: { docker, log }, machine }: Place, found: ContainerFound): Promise<boolean> {
  if (found.running) return true
  if (!found.ran) return false
  try {
    await start(docker, found.id)
    return true
  } catch (error) {
    if (!(error instanceof DockerRefused)) throw error
    log.info('a container that had ended is made anew', { machine, why: error.message })
    return false
  }
}

async function adopted(at: Place, found: ContainerFound, wanted: ContainerWanted): Promise<ContainerSeen> {
  const { docker, log } = at.options
  if (!sameLimits(found, wanted)) await docker.call('POST', `/containers/${found.id}/update`, { body: limitsOf(wanted) })
  log.info('container adopted', { machine: at.machine, id: found.id })
  return seenNow(at)
}

async function make(at: Place, wanted: ContainerWanted, signal: AbortSignal): Promise<ContainerSeen> {
  const { options, naming, machine } = at
  const { docker, log } = options
  const token = options.tokenOf(wanted.agentId)
  if (token === null) throw notOfThisBuild(wanted.agentId)
  const image = await imageOf(options, wanted.image, signal)
  // Before anything is made, so that whoever forgets the workspace knows that there is something to look for.
  await writeFile(at.mark, '')
  const inside = { ...(await options.inside()), tokenFile: await writeToken(at.folder, token) }
  for (const { name, ephemeral } of wanted.volumes) await makeVolume(docker, naming, name, ephemeral ? wanted.name : null)
  if (wanted.network === 'workspace') await makeNetwork(docker, naming)
  const { json } = await docker.call('POST', '/containers/create', { query: { name: machine }, body: bodyOf(wanted, naming, inside) })
  const id = (json as { Id: string }).Id
  try {
    await refuseUnfit(docker, id, wanted.image)
    await giveToken(docker, id, wanted.user ?? image.user, inside.tokenFile)
    await start(docker, id)
  } catch (error) {
    await removed(docker, `/containers/${id}`, { force: 'true', v: 'true' })
    throw error
  }
  log.info('container started', { machine, id })
  return seenNow(at)
}

async function imageOf(options: ContainerMachinesOptions, image: string, signal: AbortSignal): Promise<Image> {
  try {
    return await imageFor(image, { ...options, signal })
  } catch (error) {
    throw error instanceof DockerRefused ? new Wrong(problem(['image'], 'The image cannot be had', `${image}: ${messageOf(error)}`)) : error
  }
}

async function seenNow(at: Place): Promise<ContainerSeen> {
  const found = await ours(at)
  if (found) return seenOf(found)
  throw new Wrong(problem([], 'The container is gone', `${at.machine} was removed by somebody else while it was made.`))
}

const seenOf = ({ id, ip, image, cpus, memoryMb }: ContainerFound): ContainerSeen => ({ id, ip, image, cpus, memoryMb })

const sameLimits = (found: ContainerFound, { cpus, memoryMb }: ContainerWanted): boolean =>
  found.cpus === cpus && found.memoryMb === memoryMb

/** Docker changes a limit of a running container, and takes none away. */
const losesLimit = (found: ContainerFound, { cpus, memoryMb }: ContainerWanted): boolean =>
  (found.cpus !== null && cpus === null) || (found.memoryMb !== null && memoryMb === null)

const foreign = (name: string) =>
  new Wrong(
    problem(
      ['name'],
      'Container name in use',
      `There is a container "${name}" that is not this workspace's. Remove or rename it (docker rename ${name} …), or give the machine another name.`,
    ),
  )

const notOfThisBuild = (agentId: string) =>
  new Wrong(
    problem(['agent_id'], 'Unknown agent', `Agent ${agentId} is not one of this build: give the id of a bothy_agent or coder_agent.`),
  )

const unfit = (summary: string, detail: string) => new Wrong(problem(['image'], summary, detail))

/** What the agent's program needs of an image, found out before it would end again and again without a word. */
async function refuseUnfit(docker: Docker, id: string, image: string): Promise<void> {
  if (!(await hasFile(docker, id, SHELL)))
    throw unfit(
      'The image has no shell',
      `The agent is started by ${SHELL}, which ${image} does not have. Use an image that people can work in.`,
    )
  const loader = LOADERS[process.arch]
  if (loader === undefined || (await hasFile(docker, id, loader))) return
  throw unfit(
    'The image has no glibc',
    `The agent's program needs ${loader}, which ${image} does not have. Use an image made of Debian, Ubuntu or Red Hat; in Alpine, add gcompat and libstdc++ to the image.`,
  )
}

async function start(docker: Docker, id: string): Promise<void> {
  await docker.call('POST', `/containers/${id}/start`, { limitMs: START_LIMIT_MS })
}
