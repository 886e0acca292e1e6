import { execFile } from 'node:child_process'
import { sha256 } from '../kernel/names.ts'
import { findProgram, type Launch, type Terraform } from './terraform.ts'

/** Where a build's folder lies for terraform: always the same place in a sandbox, so that no path differs from build to build. */
export interface Place {
  readonly folder: string
  /** The process that serves the provider, as terraform sees it. */
  readonly providerPid: number
}

export interface Wanted {
  readonly jobId: string
  readonly terraform: Terraform
  /** The build's folder as this machine sees it; all that can be written inside. */
  readonly folder: string
  /** The provider's socket, where it does not lie in the folder. */
  readonly socket: { readonly outside: string; readonly inside: string } | null
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

export interface Sandbox {
  /** What the provisioner's row and its log say. */
  readonly description: string
  placeOf(folder: string): Place
  /** The user that terraform becomes; null: it stays ours. */
  userOf(jobId: string): number | null
  launch(wanted: Wanted): Launch
}

export const TREE = 'tree'

/** Terraform as any other child: what a template runs, runs as us. */
export const noSandbox = (why: string): Sandbox => ({
  description: why ? `none (${why})` : 'none',
  placeOf: (folder) => ({ folder, providerPid: process.pid }),
  userOf: () => null,
  launch: ({ terraform, args, env, folder }) => ({
    program: terraform.path,
    args,
    env,
    cwd: `${folder}/${TREE}`,
    wrapped: false,
  }),
})

interface Tools {
  readonly bwrap: string
  /** Set when we are root: terraform must not be. */
  readonly setpriv: string | null
  readonly prlimit: string | null
  /** Shared libraries of what runs inside. */
  readonly libraries: readonly string[]
}

/** A message where a tool is missing. Whether the sandbox really works is found out by running terraform in it. */
export async function bubblewrap(terraform: Terraform, searchPath: string): Promise<Sandbox | string> {
  const [bwrap, setpriv, prlimit] = await Promise.all(['bwrap', 'setpriv', 'prlimit'].map((name) => findProgram(name, searchPath)))
  const root = process.getuid?.() === 0
  if (!bwrap) return 'bubblewrap is not installed'
  if (root && !setpriv) return 'setpriv is not installed'
  const inside = [terraform.path, ...(root && setpriv ? [setpriv] : [])]
  const libraries = (await Promise.all(inside.map(librariesOf))).flat()
  return sandboxOf({ bwrap, setpriv: root ? (setpriv ?? null) : null, prlimit: prlimit ?? null, libraries: [...new Set(libraries)] })
}

const INSIDE = '/build'
/** Users that no system gives to anybody for good: what systemd lends to services while they run. */
const USERS = { first: 61_184, count: 4336 } as const

const sandboxOf = (tools: Tools): Sandbox => ({
  description: tools.setpriv ? 'bubblewrap, own user' : 'bubblewrap',
  placeOf: () => ({ folder: INSIDE, providerPid: 1 }),
  userOf: (jobId) => (tools.setpriv ? USERS.first + (Number.parseInt(sha256(jobId).slice(0, 8), 16) % USERS.count) : null),
  launch(wanted) {
    const user = this.userOf(wanted.jobId)
    const command = [...limits(tools, user !== null), ...walls(tools, wanted), ...becoming(tools, user), '/bin/terraform', ...wanted.args]
    const [program = tools.bwrap, ...args] = command
    return { program, args, env: wanted.env, cwd: '/', wrapped: true }
  },
})

const GIBIBYTE = 1024 ** 3

/** Processes are counted a user, so they are bounded only where the user is the build's own. */
const limits = (tools: Tools, ownUser: boolean): string[] =>
  tools.prlimit
    ? [
        tools.prlimit,
        `--fsize=${GIBIBYTE}`,
        `--data=${4 * GIBIBYTE}`,
        '--nofile=4096',
        '--core=0',
        ...(ownUser ? ['--nproc=512'] : []),
        '--',
      ]
    : []

/**
 * No network, nothing of this machine but the programs themselves, and terraform as the first process of its pid namespace: when
 * it ends, so does whatever it left running. Not tied to the life of its parent: an interrupted terraform must be able
 * to finish saving its state.
 */
const walls = (tools: Tools, wanted: Wanted): string[] => [
  tools.bwrap,
  ...(tools.setpriv ? CAPABILITIES_TO_DROP_A_USER : ['--unshare-user']),
  '--unshare-pid',
  '--unshare-ipc',
  '--unshare-uts',
  '--unshare-net',
  '--as-pid-1',
  '--info-fd',
  '3',
  ...readable(wanted.terraform.path, '/bin/terraform'),
  ...(tools.setpriv ? readable(tools.setpriv, '/bin/setpriv') : []),
  ...tools.libraries.flatMap((library) => readable(library, library)),
  '--bind',
  wanted.folder,
  INSIDE,
  ...(wanted.socket ? readable(wanted.socket.outside, wanted.socket.inside) : []),
  '--proc',
  '/proc',
  '--dev',
  '/dev',
  '--size',
  String(GIBIBYTE / 4),
  '--tmpfs',
  '/tmp',
  '--hostname',
  'build',
  '--chdir',
  `${INSIDE}/${TREE}`,
  '--',
]

/** Root binds the folders first, because the state folder is closed to everybody else; the user is dropped before terraform begins. */
const CAPABILITIES_TO_DROP_A_USER = ['CAP_SETUID', 'CAP_SETGID', 'CAP_SETPCAP'].flatMap((capability) => ['--cap-add', capability])

const readable = (outside: string, inside: string): string[] => ['--ro-bind', outside, inside]

const becoming = (tools: Tools, user: number | null): string[] =>
  tools.setpriv && user !== null
    ? [
        '/bin/setpriv',
        `--reuid=${user}`,
        `--regid=${user}`,
        '--clear-groups',
        '--no-new-privs',
        '--inh-caps=-all',
        '--bounding-set=-all',
        '--',
      ]
    : []

/** Empty for a program that is linked statically, as terraform is where it comes from its makers. */
const librariesOf = (program: string): Promise<string[]> =>
  new Promise((resolve) => {
    execFile('ldd', [program], { env: {}, timeout: 10_000 }, (_error, stdout) => {
      resolve([...stdout.matchAll(/(?:=> |^\s*)(\/\S+) \(0x/gm)].flatMap((match) => match[1] ?? []))
    })
  })
