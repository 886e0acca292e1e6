import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { CANCEL, FINISH, VERSION, type Config } from './config.ts'
import { systemClock } from './kernel/clock.ts'
import { connectKubernetes, type KubernetesConnection } from './cluster/kubernetes-connection.ts'
import { Misconfigured } from './kernel/errors.ts'
import { jsonLog, type Log } from './kernel/log.ts'
import { containerMachines } from './machines/container.ts'
import { SOCKET_URL } from './machines/container-spec.ts'
import { openDocker } from './machines/docker.ts'
import { podMachines } from './machines/pod.ts'
import { podAuthority } from './pod-authority.ts'
import { openPods } from './pods.ts'
import { processMachines } from './machines/process.ts'
import { loginFrom } from './machines/registry-login.ts'
import { platformHere } from './program/platform.ts'
import { agentProgram } from './program/program.ts'
import type { MachinesFor } from './provision/job.ts'
import { createProvisioner, type Provisioner } from './provision/provisioner.ts'
import { closeInOrder } from './shutdown.ts'
import { listenToSignals } from './signals.ts'
import { isAhead } from './store/migrate.ts'
import { openDb, type Db } from './store/pool.ts'
import { openKey } from './store/sealed.ts'

const AGENT = fileURLToPath(new URL('../agent/main.ts', import.meta.url))

/** `bothy provisioner`: claims jobs from the database it is given, until it is told to end. */
export async function runProvisioner(config: Config): Promise<number> {
  if (!config.databaseUrl)
    throw new Misconfigured('DATABASE_URL is missing: a provisioner works for the control plane that uses the same database')
  const log = jsonLog(systemClock, config.logLevel, (line) => process.stderr.write(line), { process: 'provisioner' })
  const pods = await connectPods(config, log)
  const db = openDb(config.databaseUrl, { log, clock: systemClock, max: config.provisioner.capacity + 4 })
  try {
    await untilMigrated(db, log)
    const sealer = await openKey({ file: join(config.stateDir, 'key'), env: config.key ?? undefined, db })
    const provisioner = createProvisioner({
      db,
      sealer,
      clock: systemClock,
      log,
      config: {
        ...config.provisioner,
        id: randomUUID(),
        version: VERSION,
        stateDir: config.stateDir,
        environment: config.environment,
        searchPath: config.environment['PATH'] ?? '',
        accessUrl: () => config.accessUrl ?? announcedUrl(config),
      },
      machinesFor: machinesOn(config, log, pods),
    })
    const told = untilTold(provisioner, config.provisioner.isChild, log)
    await provisioner.start()
    return await told
  } finally {
    pods?.cluster.close()
    await closeInOrder([{ name: 'database', limitMs: 1000, close: () => db.close() }], systemClock, log)
  }
}

const SCHEMA_LOOK_MS = 500

/** The control plane moves the schema on, and may start at the same time, or be upgraded after us. */
async function untilMigrated(db: Db, log: Log): Promise<void> {
  for (let isTold = false; await isAhead(db); isTold = true) {
    if (!isTold) log.info('waits for a control plane to move the schema of the database on')
    await systemClock.sleep(SCHEMA_LOOK_MS)
  }
}

/** Where pods are made, and whom they trust, in PEM. */
interface Pods {
  readonly cluster: KubernetesConnection
  readonly authority: string | null
}

export const machinesOn =
  (config: Config, log: Log, pods: Pods | null): MachinesFor =>
  ({ workspace, owner, buildId, tokenOf, say = () => {} }) => ({
    ...(pods === null || config.pods === null
      ? {}
      : {
          pod: podMachines({
            pods: openPods({ connection: pods.cluster, clock: systemClock, say }),
            place: {
              namespace: config.pods.namespace ?? pods.cluster.namespace,
              namespaces: config.pods.namespaces,
              allowed: new Set(config.pods.allow),
              programImage: config.pods.programImage,
              url: config.pods.url ?? config.accessUrl ?? announcedUrl(config),
              authority: pods.authority,
              pullSecrets: config.pods.pullSecrets,
            },
            naming: { workspace: { uid: workspace.uid, name: workspace.name, owner: owner.name }, buildId },
            clock: systemClock,
            log,
            say,
            tokenOf,
          }),
        }),
    container: containerMachines({
      docker: openDocker({ sockets: config.containers.sockets, clock: systemClock }),
      stateDir: config.stateDir,
      workspace: { uid: workspace.uid, name: workspace.name, owner: owner.name },
      buildId,
      clock: systemClock,
      log,
      say,
      tokenOf,
      allowed: new Set(config.containers.allow),
      loginFor: (registry) => loginFrom(config.containers.dockerConfig, config.containers.registries, registry),
      inside: () => insideContainers(config),
    }),
    process: processMachines({
      stateDir: config.stateDir,
      workspace: { uid: workspace.uid, name: workspace.name, owner: owner.name },
      urlFile: join(config.stateDir, 'url'),
      clock: systemClock,
      log,
      agentOf: (id) => {
        const token = tokenOf(id)
        return token === null ? undefined : { token }
      },
      command: { node: process.execPath, script: AGENT },
      environment: config.environment,
    }),
  })

async function connectPods(config: Config, log: Log): Promise<Pods | null> {
  if (config.pods === null) return null
  const authority = podAuthority(config.pods.authorityFile, log)
  const { kubernetes, environment } = config
  const cluster = await connectKubernetes({ ...kubernetes, environment, clock: systemClock, userAgent: `bothy-provisioner/${VERSION}` })
  return { cluster, authority }
}

/** By the socket of a control plane on this machine where there is one, so that a container needs no network for it. */
async function insideContainers(config: Config) {
  const { folder } = await agentProgram({ stateDir: config.stateDir, clock: systemClock, ...platformHere() })
  const door = join(config.stateDir, 'door')
  if (config.containers.url !== null || !existsSync(door))
    return { program: folder, door: null, url: config.containers.url ?? config.accessUrl ?? announcedUrl(config) }
  return { program: folder, door, url: SOCKET_URL }
}

/** Where the control plane of this state folder answers: it may have another port than last time. */
function announcedUrl(config: Config): string {
  try {
    return readFileSync(join(config.stateDir, 'url'), 'utf8').trim()
  } catch {
    return `http://${config.host}:${config.port}`
  }
}

/** Ends when it is asked to: by signals, or as a child by its parent, which it also notices to be gone. */
function untilTold(provisioner: Provisioner, isChild: boolean, log: Log): Promise<number> {
  return new Promise((settle) => {
    const leave = (code: number) => void provisioner.close().finally(() => settle(code))
    const finish = () => {
      if (provisioner.running() > 0) log.info(`finishing ${provisioner.running()} builds; once more cancels them`)
      void provisioner.drain().finally(() => leave(0))
    }
    if (!isChild) return void listenToSignals(systemClock, [finish, () => provisioner.cancelRunning(), () => leave(130)])
    // The terminal signals the whole group, but only the parent knows what the person means.
    listenToSignals(systemClock, [() => {}])
    const told = createInterface({ input: process.stdin })
    told.on('line', (line) => (line === FINISH ? finish() : line === CANCEL ? provisioner.cancelRunning() : undefined))
    told.on('close', () => leave(1))
  })
}
