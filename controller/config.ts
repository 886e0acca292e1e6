import { availableParallelism, homedir, hostname, userInfo } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import { Misconfigured } from './kernel/errors.ts'
import type { Level } from './kernel/log.ts'
import { checkProviderPatterns, type SourceRules } from './kernel/source-rules.ts'
import {
  absolute,
  type Environment,
  flag,
  listed,
  names,
  oneOf,
  pairs,
  patterns,
  someOf,
  url,
  whole,
  wildcard,
  wrong,
} from './kernel/variables.ts'

export const VERSION = '0.1.0'

/** Set by `bothy up` in the environment of the provisioner it starts. */
export const CHILD_MARK = 'BOTHY_PROVISIONER_CHILD'

/** What it may be told on its standard input: take no more and finish; cancel what runs. */
export const FINISH = 'finish'
export const CANCEL = 'cancel'

/** What the command line may say; it wins over the environment. */
export interface Flags {
  readonly folder?: string
  readonly port?: number
  readonly host?: string
  readonly state?: string
  /** The usual state folder's name: what a standalone keeps and what a control plane of a cluster keeps never mix. */
  readonly usualState?: 'bothy' | 'bothy-controller'
  readonly once?: boolean
  readonly quiet?: boolean
  readonly insecure?: boolean
  readonly withProvisioner?: boolean
  readonly kubeconfig?: string
  readonly context?: string
}

export interface Config {
  readonly stateDir: string
  readonly folder: string | null
  readonly once: boolean
  readonly quiet: boolean
  readonly host: string
  readonly port: number
  readonly tls: { readonly cert: string; readonly key: string } | null
  /** The caller knows that another address without TLS sends tokens in the clear. */
  readonly insecure: boolean
  /** Where agents and people reach this control plane; null: its own loopback address. */
  readonly accessUrl: string | null
  /** Names under which it is reached besides: that of its service, say. */
  readonly hosts: readonly string[]
  /** Which of several control planes on one database this is. */
  readonly replica: string
  /** Where other replicas reach this one: the address of its pod. */
  readonly peering: { readonly host: string; readonly port: number }
  /** Where a cluster has its control plane, and is told where that answers. */
  readonly systemNamespace: string
  /** `bothy controller` with a provisioner beside it, and a database of its own where none is named. */
  readonly withProvisioner: boolean
  /** The cluster whose objects are reconciled. Empty: the one that this runs in, or that kubectl would ask. */
  readonly kubernetes: { readonly kubeconfig: string | null; readonly context: string | null }
  /** Where apps of workspaces are: always another origin than the API's. */
  readonly apps: {
    /** null: the one after the API's. */
    readonly port: number | null
    /** `.apps.example.com`: each app may have a host of its own under it. */
    readonly suffix: string | null
    /** Where people reach them; null: the host of the API, with their port. */
    readonly url: string | null
  }
  readonly databaseUrl: string | null
  /** Files that templates may take values of variables from; null: none. */
  readonly variablesFolder: string | null
  readonly key: string | null
  readonly user: string
  /** How people call this program, also from another terminal: with the state folder, where it is not the usual one. */
  readonly callAs: string
  /** How people call this program. */
  readonly program: string
  readonly logLevel: Level
  readonly provisioner: {
    readonly name: string
    readonly capacity: number
    readonly labels: Readonly<Record<string, string>>
    readonly terraform: string | null
    readonly isolation: 'required' | 'preferred' | 'none'
    readonly passEnvironment: readonly string[]
    readonly sources: SourceRules
    /** Started by `bothy up`: it ends when its parent does. */
    readonly isChild: boolean
  }
  readonly containers: {
    /** Where Docker or Podman may listen; the first that is there is used. */
    readonly sockets: readonly string[]
    /** What templates may have beyond what is harmless to the host. */
    readonly allow: readonly string[]
    /** Registries whose login in the operator's Docker configuration is used. */
    readonly registries: readonly string[]
    readonly dockerConfig: string
    /** Where agents in containers reach the control plane; null: by its socket, which is mounted into them. */
    readonly url: string | null
  }
  /** Workspaces that are pods; null: this provisioner makes none. */
  readonly pods: {
    /** null: the one of the kubeconfig's context, or of the pod this runs in. */
    readonly namespace: string | null
    /** What else templates may name. */
    readonly namespaces: readonly string[]
    /** What templates may have beyond the restricted standard. */
    readonly allow: readonly string[]
    readonly programImage: string | null
    /** Where agents in pods reach the control plane; null: where everybody does. */
    readonly url: string | null
    /** The file with the authority of the certificate there; null: one that images know. */
    readonly authorityFile: string | null
    /** Secrets with logins of registries, in the namespaces of pods. */
    readonly pullSecrets: readonly string[]
  } | null
  /** The environment as it was. Who uses it picks names from a list. */
  readonly environment: Environment
}

/** The one reader of the controller's and provisioner's environment. Each error names its variable. */
export function readConfig(flags: Flags = {}, env: Environment = process.env): Config {
  const usualStateDir = join(env['XDG_STATE_HOME'] || join(homedir(), '.local', 'state'), flags.usualState ?? 'bothy')
  const stateDir = resolve(flags.state ?? (env['BOTHY_STATE'] || usualStateDir))
  return Object.freeze({
    stateDir,
    folder: flags.folder ? resolve(flags.folder) : null,
    once: flags.once ?? false,
    quiet: flags.quiet ?? false,
    host: flags.host ?? (env['BOTHY_HOST'] || '127.0.0.1'),
    port: flags.port ?? whole(env, 'BOTHY_PORT', 7080, 0, 65_535),
    tls: tlsFiles(env),
    insecure: flags.insecure ?? flag(env, 'BOTHY_INSECURE'),
    accessUrl: url(env, 'BOTHY_ACCESS_URL', ['http:', 'https:']),
    hosts: Object.freeze(listed(env['BOTHY_HOSTS'])),
    replica: env['BOTHY_REPLICA'] || hostname(),
    peering: Object.freeze({ host: env['BOTHY_PEER_HOST'] || '127.0.0.1', port: whole(env, 'BOTHY_PEER_PORT', 0, 0, 65_535) }),
    systemNamespace: env['BOTHY_SYSTEM_NAMESPACE'] || 'bothy-system',
    withProvisioner: flags.withProvisioner ?? false,
    kubernetes: Object.freeze({
      kubeconfig: flags.kubeconfig ?? (env['BOTHY_KUBECONFIG'] || null),
      context: flags.context ?? (env['BOTHY_CONTEXT'] || null),
    }),
    apps: Object.freeze({
      port: env['BOTHY_APPS_PORT'] ? whole(env, 'BOTHY_APPS_PORT', 0, 0, 65_535) : null,
      suffix: wildcard(env, 'BOTHY_APPS_HOST'),
      url: url(env, 'BOTHY_APPS_URL', ['http:', 'https:']),
    }),
    databaseUrl: url(env, 'DATABASE_URL', ['postgres:', 'postgresql:']),
    variablesFolder: env['BOTHY_VAR_FOLDER'] ? resolve(env['BOTHY_VAR_FOLDER']) : null,
    key: env['BOTHY_KEY'] || null,
    user: env['BOTHY_USER'] || userName(),
    program: env['BOTHY_PROGRAM'] || 'bothy',
    callAs: `${stateDir === usualStateDir ? '' : `BOTHY_STATE=${quoted(stateDir)} `}${env['BOTHY_PROGRAM'] || 'bothy'}`,
    logLevel: oneOf(env, 'BOTHY_LOG', ['debug', 'info', 'warn', 'error'], 'info'),
    provisioner: Object.freeze({
      name: env['BOTHY_PROVISIONER_NAME'] || hostname(),
      capacity: whole(env, 'BOTHY_CAPACITY', availableParallelism(), 1, 256),
      labels: pairs(env, 'BOTHY_LABELS'),
      terraform: env['BOTHY_TERRAFORM'] || null,
      isolation: oneOf(env, 'BOTHY_ISOLATION', ['required', 'preferred', 'none'], 'preferred'),
      passEnvironment: names(env, 'BOTHY_PASS_ENVIRONMENT'),
      sources: sources(env),
      isChild: env[CHILD_MARK] === '1',
    }),
    containers: Object.freeze({
      sockets: dockerSockets(env),
      allow: someOf(env, 'BOTHY_CONTAINER_ALLOW', ['bind', 'privileged', 'host-network', 'networks']),
      registries: listed(env['BOTHY_CONTAINER_REGISTRIES']),
      dockerConfig: join(env['DOCKER_CONFIG'] || join(homedir(), '.docker'), 'config.json'),
      url: url(env, 'BOTHY_CONTAINER_URL', ['http:', 'https:']),
    }),
    pods: pods(env),
    environment: env,
  })
}

/** Somebody's usual kubeconfig is not meant for workspaces unless they say so. */
function pods(env: Environment): Config['pods'] {
  if (!env['BOTHY_KUBECONFIG'] && !env['BOTHY_POD_NAMESPACE']) return null
  return Object.freeze({
    namespace: env['BOTHY_POD_NAMESPACE'] || null,
    namespaces: listed(env['BOTHY_POD_NAMESPACES']),
    allow: someOf(env, 'BOTHY_POD_ALLOW', ['root', 'privileged', 'service-account']),
    programImage: env['BOTHY_POD_PROGRAM_IMAGE'] || null,
    url: url(env, 'BOTHY_POD_URL', ['http:', 'https:']),
    authorityFile: absolute(env, 'BOTHY_POD_CA_FILE'),
    pullSecrets: listed(env['BOTHY_POD_PULL_SECRETS']),
  })
}

/** Only a socket of this machine: what is mounted into containers lies here. */
function dockerSockets(env: Environment): readonly string[] {
  const name = env['BOTHY_DOCKER'] ? 'BOTHY_DOCKER' : 'DOCKER_HOST'
  const given = env[name]
  if (!given) {
    const own = env['XDG_RUNTIME_DIR']
      ? [join(env['XDG_RUNTIME_DIR'], 'docker.sock'), join(env['XDG_RUNTIME_DIR'], 'podman/podman.sock')]
      : []
    return ['/var/run/docker.sock', ...own, '/run/podman/podman.sock']
  }
  const path = given.replace(/^unix:\/\//, '')
  if (isAbsolute(path)) return [path]
  // Somebody's DOCKER_HOST may be meant for other programs: it matters when a container is wanted.
  if (name === 'DOCKER_HOST') return [given]
  throw wrong(name, given, 'must be a socket of this machine, like unix:///var/run/docker.sock')
}

/** As a shell takes it. */
export const quoted = (text: string): string => (/^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`)

/** A uid without an entry in the system's list of users is still somebody. */
function userName(): string {
  try {
    return userInfo().username
  } catch {
    return `uid-${process.getuid?.() ?? 0}`
  }
}

function tlsFiles(env: Environment): Config['tls'] {
  const cert = absolute(env, 'BOTHY_TLS_CERT')
  const key = absolute(env, 'BOTHY_TLS_KEY')
  if (!cert && !key) return null
  if (!cert || !key)
    throw new Misconfigured(`${cert ? 'BOTHY_TLS_KEY' : 'BOTHY_TLS_CERT'} is missing: a certificate and its key go together`)
  return { cert, key }
}

/** Where terraform may fetch providers and modules from. */
function sources(env: Environment): SourceRules {
  const mirror = env['BOTHY_PROVIDER_MIRROR'] || null
  if (mirror !== null && !isAbsolute(mirror) && !(URL.canParse(mirror) && new URL(mirror).protocol === 'https:'))
    throw new Misconfigured('BOTHY_PROVIDER_MIRROR must be the absolute path of a folder, or a url that begins with https://')
  const providers = patterns(env, 'BOTHY_PROVIDERS')
  checkProviderPatterns('BOTHY_PROVIDERS', providers ?? [])
  return Object.freeze({
    providers,
    modules: patterns(env, 'BOTHY_MODULES'),
    mirror,
    direct: env['BOTHY_PROVIDER_DIRECT'] ? flag(env, 'BOTHY_PROVIDER_DIRECT') : mirror === null,
  })
}
