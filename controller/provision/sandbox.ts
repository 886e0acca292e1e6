import { execFile } from 'node:child_process'
import type { Clock } from '../kernel/clock.ts'
import { sha256 } from '../kernel/names.ts'
import { BUILD_LIMITS, inMebibytes, type BuildLimits } from './build-limits.ts'
import { controlGroups, type ControlGroups, type GroupLimits } from './control-groups.ts'
import { findProgram, type Launch, type Terraform } from './terraform.ts'
import { PROGRAM_FOLDERS, worldOf, type Shown, type World } from './world.ts'

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
  readonly socket: Shown | null
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Folders and files that can be read besides. */
  readonly shown?: readonly Shown[]
  /** Left out: none at all. */
  readonly network?: Network
}

/** `providers`: what a provider needs to talk to the world. `modules`: git besides, which fetches modules. */
export type Network = 'none' | 'providers' | 'modules'

export interface Sandbox {
  /** What the provisioner's row and its log say. */
  readonly description: string
  placeOf(folder: string): Place
  /** Where something that is shown lies for terraform. */
  seenAt(shown: Shown): string
  /** The user that terraform becomes; null: it stays ours. */
  userOf(jobId: string): number | null
  launch(wanted: Wanted): Promise<Launch>
  /** While it runs: a sentence when the kernel has ended a part of it, whatever the rest does. */
  exceeded(jobId: string): Promise<string | null>
  /** After everything that was launched has ended. Answers a sentence when the kernel kept it from using more. */
  over(jobId: string): Promise<string | null>
}

export const TREE = 'tree'

/** Terraform as any other child: what a template runs, runs as us. */
export const noSandbox = (why: string): Sandbox => ({
  description: why ? `none (${why})` : 'none',
  placeOf: (folder) => ({ folder, providerPid: process.pid }),
  seenAt: ({ outside }) => outside,
  userOf: () => null,
  launch: async ({ terraform, args, env, folder }) => ({
    program: terraform.path,
    args,
    env,
    cwd: `${folder}/${TREE}`,
    wrapped: false,
  }),
  exceeded: async () => null,
  over: async () => null,
})

interface Tools {
  readonly bwrap: string
  /** Set when we are root: terraform must not be. */
  readonly setpriv: string | null
  readonly prlimit: string | null
  /** Shared libraries of what runs inside. */
  readonly libraries: readonly string[]
  readonly world: World
  readonly groups: ControlGroups | null
  readonly limits: BuildLimits
}

interface Options {
  readonly clock: Clock
  readonly certificates?: string | null
  readonly limits?: BuildLimits
}

/** A message where a tool is missing. Whether the sandbox really works is found out by running terraform in it. */
export async function bubblewrap(terraform: Terraform, searchPath: string, options: Options): Promise<Sandbox | string> {
  const { clock, certificates = null, limits = BUILD_LIMITS } = options
  const [bwrap, setpriv, prlimit] = await Promise.all(['bwrap', 'setpriv', 'prlimit'].map((name) => findProgram(name, searchPath)))
  const root = process.getuid?.() === 0
  if (!bwrap) return 'bubblewrap is not installed'
  if (root && !setpriv) return 'setpriv is not installed'
  const inside = [terraform.path, ...(root && setpriv ? [setpriv] : [])]
  const libraries = (await Promise.all(inside.map(librariesOf))).flat()
  return sandboxOf({
    bwrap,
    setpriv: root ? (setpriv ?? null) : null,
    prlimit: prlimit ?? null,
    libraries: [...new Set(libraries)],
    world: await worldOf(certificates, await librariesOf(process.execPath)),
    groups: await controlGroups(clock, limits),
    limits,
  })
}

const INSIDE = '/build'
/** Users that no system gives to anybody for good: what systemd lends to services while they run. */
const USERS = { first: 61_184, count: 4336 } as const

const sandboxOf = (tools: Tools): Sandbox => ({
  description: ['bubblewrap', ...(tools.setpriv ? ['own user'] : []), ...(tools.groups ? ['control groups'] : [])].join(', '),
  placeOf: () => ({ folder: INSIDE, providerPid: 1 }),
  seenAt: ({ inside }) => inside,
  userOf: (jobId) => (tools.setpriv ? USERS.first + (Number.parseInt(sha256(jobId).slice(0, 8), 16) % USERS.count) : null),
  async launch(wanted) {
    const user = this.userOf(wanted.jobId)
    const groups = (await tools.groups?.enter(wanted.jobId)) ?? []
    const bounds = [...entering(groups), ...limits(tools, user !== null)]
    const command = [...bounds, ...walls(tools, wanted), ...becoming(tools, user), '/bin/terraform', ...wanted.args]
    const [program = tools.bwrap, ...args] = command
    return { program, args, env: wanted.env, cwd: '/', wrapped: true }
  },
  exceeded: async (jobId) => toldOf((await tools.groups?.met(jobId)) ?? [], tools.limits),
  over: async (jobId) => toldOf((await tools.groups?.leave(jobId)) ?? [], tools.limits),
})

const toldOf = (met: readonly string[], { memoryBytes }: GroupLimits): string | null =>
  met.includes('memory') ? `the build used more than ${inMebibytes(memoryBytes)} of memory and was ended` : null

/** A process moves itself, before it becomes what could start others. */
const ENTER = 'while [ "$1" != -- ]; do echo 0 > "$1" || exit 125; shift; done; shift; exec "$@"'

const entering = (groups: readonly string[]): string[] => (groups.length === 0 ? [] : ['/bin/sh', '-c', ENTER, 'sh', ...groups, '--'])

const isAlone = ({ network = 'none' }: Wanted): boolean => network === 'none'

const TMP_BYTES = 256 * 1024 ** 2

/** Processes are counted a user, so they are bounded only where the user is the build's own. */
const limits = ({ prlimit, limits: { fileBytes, memoryBytes, processes } }: Tools, ownUser: boolean): string[] =>
  prlimit
    ? [
        prlimit,
        `--fsize=${fileBytes}`,
        `--data=${memoryBytes}`,
        '--nofile=4096',
        '--core=0',
        ...(ownUser ? [`--nproc=${processes}`] : []),
        '--',
      ]
    : []

/**
 * No network unless a provider needs it, nothing of this machine but the programs themselves, and terraform as the first process of its pid namespace: when
 * it ends, so does whatever it left running. Not tied to the life of its parent: an interrupted terraform must be able
 * to finish saving its state.
 */
const walls = (tools: Tools, wanted: Wanted): string[] => [
  tools.bwrap,
  ...(tools.setpriv ? CAPABILITIES_TO_DROP_A_USER : ['--unshare-user']),
  '--unshare-pid',
  '--unshare-ipc',
  '--unshare-uts',
  ...(isAlone(wanted) ? ['--unshare-net'] : []),
  ...(wanted.network === 'modules' ? PROGRAM_FOLDERS.flatMap((folder) => ['--ro-bind-try', folder, folder]) : []),
  '--as-pid-1',
  '--info-fd',
  '3',
  ...readable(tools, [
    { outside: wanted.terraform.path, inside: '/bin/terraform' },
    ...(tools.setpriv ? [{ outside: tools.setpriv, inside: '/bin/setpriv' }] : []),
    ...libraries(tools, wanted),
    ...(wanted.network === 'modules' ? tools.world.shell : []),
    ...(wanted.shown ?? []),
    ...(wanted.socket ? [wanted.socket] : []),
  ]),
  '--bind',
  wanted.folder,
  INSIDE,
  '--proc',
  '/proc',
  '--dev',
  '/dev',
  ...(tools.setpriv ? ['--perms', '1777'] : []),
  '--size',
  String(TMP_BYTES),
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

/** Where whole folders of programs are shown, each library is there already. */
function libraries(tools: Tools, wanted: Wanted): Shown[] {
  const all = [...tools.libraries.map((path) => ({ outside: path, inside: path })), ...(isAlone(wanted) ? [] : tools.world.files)]
  return wanted.network === 'modules' ? all.filter(({ inside }) => !PROGRAM_FOLDERS.some((folder) => inside.startsWith(`${folder}/`))) : all
}

/** The folders on the way would be root's alone; the user that terraform becomes must pass through them. */
function readable(tools: Tools, shown: readonly Shown[]): string[] {
  const folders = tools.setpriv ? [...new Set(shown.flatMap(({ inside }) => parentsOf(inside)))].toSorted() : []
  return [
    ...folders.flatMap((folder) => ['--perms', '0755', '--dir', folder]),
    ...shown.flatMap(({ outside, inside }) => ['--ro-bind', outside, inside]),
  ]
}

const parentsOf = (path: string): string[] => {
  const parts = path.split('/').slice(1, -1)
  return parts.map((_, i) => `/${parts.slice(0, i + 1).join('/')}`)
}

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
export const librariesOf = (program: string): Promise<string[]> =>
  new Promise((resolve) => {
    execFile('ldd', [program], { env: {}, timeout: 10_000 }, (_error, stdout) => {
      resolve([...stdout.matchAll(/(?:=> |^\s*)(\/\S+) \(0x/gm)].flatMap((match) => match[1] ?? []))
    })
  })
