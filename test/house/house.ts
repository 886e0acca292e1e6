import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { circlesIn } from './circles.ts'

/**
 * The rules of the house, as data, and one function that reads a tree and says what breaks them. The table of imports is
 * the truth that docs/architecture.md draws.
 */

/** Who may import whom. A folder that is not on the right is out of reach. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'controller/kernel': [],
  crds: ['controller/kernel'],
  agent: ['controller/kernel'],
  provider: ['crds', 'controller/kernel'],
  'controller/store': ['controller/kernel', 'crds'],
  'controller/cluster': ['controller/kernel', 'controller/store', 'crds'],
  'controller/source': ['controller/kernel', 'controller/cluster', 'controller/store', 'crds'],
  'controller/status': ['controller/kernel', 'controller/cluster', 'crds'],
  'controller/machines': ['controller/kernel', 'crds', 'provider'],
  // The bundle of the agent is made from its sources, which are named and never imported.
  'controller/program': ['controller/kernel', 'controller/machines/lock.ts'],
  'controller/provision': ['controller/kernel', 'controller/store', 'controller/machines', 'provider', 'crds'],
  'controller/reconcile': ['controller/kernel', 'controller/store', 'controller/cluster', 'controller/status', 'crds'],
  'controller/connect': ['controller/kernel', 'controller/store', 'agent/protocol.ts', 'crds'],
  'controller/api': ['controller/kernel', 'controller/store', 'controller/cluster', 'controller/connect', 'crds'],
  // On another origin than the API: a workspace's JavaScript never shares one with the control plane.
  'controller/apps': ['controller/kernel', 'controller/store', 'controller/cluster', 'controller/connect', 'agent/protocol.ts', 'crds'],
  // The composition root is a few files, each wiring one way to run; nothing else may know everybody.
  'controller/main.ts': ['controller'],
  'controller/up.ts': ['controller', 'crds'],
  'controller/down.ts': ['controller', 'crds'],
  'controller/standalone.ts': ['controller'],
  'controller/run-controller.ts': ['controller'],
  'controller/in-cluster.ts': ['controller'],
  'controller/terms.ts': ['controller'],
  'controller/serve.ts': ['controller', 'agent/protocol.ts'],
  'controller/browser-side.ts': ['controller'],
  'controller/upkeep.ts': ['controller'],
  'controller/own-values.ts': ['controller'],
  'controller/provisioner-child.ts': ['controller'],
  'controller/given-certificate.ts': ['controller/kernel'],
  'controller/pod-authority.ts': ['controller/kernel'],
  'controller/own-door.ts': ['controller'],
  'controller/own-certificate.ts': ['controller/kernel', 'controller/state.ts'],
  'controller/kubeconfig.ts': [],
  'controller/provisioner.ts': ['controller'],
  'controller/offline.ts': ['controller', 'crds'],
  // The hands of pods: what machines ask for, said to an API server.
  'controller/pods.ts': ['controller/kernel', 'controller/machines', 'controller/cluster/kubernetes-connection.ts', 'provider'],
  'controller/follow.ts': ['controller/kernel', 'controller/cluster', 'crds'],
  'controller/log-file.ts': ['controller/kernel', 'controller/store', 'controller/config.ts'],
  'controller/signals.ts': ['controller/kernel'],
  'controller/config.ts': ['controller/kernel'],
  'controller/shutdown.ts': ['controller/kernel'],
  'controller/state.ts': ['controller/kernel'],
  'controller/child.ts': ['controller/kernel'],
  // The command line speaks to a cluster by the same connection as the controller.
  cli: [
    'controller/kernel',
    'crds',
    'provider',
    'agent/protocol.ts',
    'controller/main.ts',
    'controller/state.ts',
    'controller/cluster/kubernetes-connection.ts',
    'controller/cluster/kubernetes-context.ts',
    'controller/cluster/kubernetes-pod-port.ts',
    // What a server would say of an object, said without one.
    'controller/cluster/verdict.ts',
    // A folder is read as a control plane reads it.
    'controller/source/scan.ts',
    'agent/main.ts',
  ],
}

/** Folders whose files obey the table; tests and benchmarks may reach anything. */
const HOUSE = ['controller', 'crds', 'agent', 'provider', 'cli']

/** Each outside thing enters through one door, or a short list of doors, each with its reason. */
const DOORS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  pg: { 'controller/store/pool.ts': 'every query passes here, so that failures are translated once' },
  '@marcbachmann/cel-js': { 'crds/schema/cel.ts': 'the engine can be exchanged' },
  croner: { 'controller/kernel/cron.ts': 'it enumerates; what clocks that change mean is ours' },
  re2js: { 'crds/schema/regex.ts': 'patterns of users run in linear time' },
  yaml: {
    'crds/documents.ts': 'positions, limits and duplicate keys in one place',
    'crds/write-yaml.ts': 'how people see objects, loaded when one asks for it',
    'cli/kubeconfig-merge.ts': 'where in a file of somebody something goes, so that the rest stays as it is',
  },
  chokidar: { 'controller/source/watcher.ts': 'a hint that something changed, nothing more' },
  cdktf: { 'provider/cdktf.ts': 'templates in TypeScript; a compatible library can take its place' },
  constructs: { 'provider/cdktf.ts': 'what cdktf is built on' },
  '@kubernetes/client-node': {
    'controller/cluster/kubernetes-login.ts': 'the plugins that log people in, loaded when one is named; transport is ours',
  },
  commander: { 'cli/main.ts': 'the grammar of the command line', 'cli/program.ts': 'the grammar of the command line' },
  '@msgpack/msgpack': { 'provider/wire/values.ts': "Terraform's values" },
  ssh2: { 'agent/ssh-library.ts': 'the SSH protocol; loaded when somebody first comes that way' },
  '@lydell/node-pty': { 'agent/pty.ts': 'native and optional: everything works without it, and says what is lost' },
  ws: {
    'agent/link.ts': 'dials out',
    'controller/connect/link.ts': 'accepts agents',
    'controller/connect/sessions.ts': 'accepts people',
    'controller/connect/bridge.ts': 'their connections and the agents’ streams',
    'controller/cluster/kubernetes-pod-port.ts': 'ports of pods, through an API server',
    'cli/exec.ts': 'a person enters a workspace',
    'cli/raw-connection.ts': 'where a proxy passes on nothing else',
  },
  esbuild: {
    'provider/package.ts': 'the provider as one file',
    'controller/program/bundle.ts': 'the agent as one file, and bothy as the few of its image',
  },
  'node:child_process': {
    'controller/program/fetch-runtime.ts': 'npm gets the runtime of another platform',
    'controller/program/program.ts': "the agent's program is built beside whoever wants it, not in it",
    'controller/provision/terraform.ts': 'terraform itself, inside the sandbox',
    'controller/provision/sandbox.ts': 'asks once whether the sandbox works here',
    'controller/store/embedded.ts': 'the embedded database',
    'controller/machines/process.ts': 'a workspace that is a process',
    'agent/spawn.ts': 'whatever runs in a workspace: scripts, commands, terminals',
    'controller/child.ts': 'the provisioner is a process of its own',
    'cli/ssh.ts': "the system's own ssh",
    'cli/opener.ts': 'the browser of whoever asks',
    'cli/doctor.ts': 'asks programs for their version',
  },
}

/** process.env has one door a program. */
const ENVIRONMENT_DOORS = new Set([
  'controller/config.ts',
  'agent/environment.ts',
  'cli/environment.ts',
  // A provider that terraform launches by itself is told by variables whose workspace it builds.
  'provider/launched-environment.ts',
])

/** Deciding files, and whatever of ours they call, are arithmetic. */
const PURE_NAME = /(^|\/)(decide|next|conditions|wants)\.ts$/
const IMPURE = /\b(Date\.now|new Date\(\)|Math\.random|process\.|await |async |fetch\(|setTimeout|setInterval)/
const CLOCK = /\bDate\.now\(|new Date\(\)|(?<!\.)\bsetTimeout\(|(?<!\.)\bsetInterval\(|performance\.now\(/
const LINES_MAX = 300

export interface Finding {
  readonly check: 'imports' | 'circles' | 'doors' | 'environment' | 'purity' | 'clock' | 'size' | 'reasons'
  readonly where: string
  readonly what: string
}

interface Source {
  readonly file: string
  readonly lines: readonly string[]
  readonly code: readonly string[]
}

interface Edge {
  readonly from: string
  readonly line: number
  readonly to: string
  readonly ours: boolean
  /** Erased before the program runs. */
  readonly typeOnly: boolean
  /** Loaded when it is needed: a table of what there is may name what reads the table. */
  readonly late: boolean
}

export function inspect(root: string): Finding[] {
  const sources = HOUSE.flatMap((folder) => sourcesIn(root, folder))
  const edges = sources.flatMap((source) => edgesOf(source, root))
  const pure = pureFiles(sources, edges)
  return [
    ...edges.flatMap(wrongImport),
    ...circlesIn(edges.filter(({ ours, late }) => ours && !late)).map(circle),
    ...edges.flatMap(wrongDoor),
    ...edges.filter(({ from }) => pure.has(from)).flatMap(impureImport),
    ...sources.filter(({ file }) => pure.has(file)).flatMap((source) => linesThat(source, IMPURE, 'purity')),
    ...sources.flatMap(clockLines),
    ...sources.flatMap(environmentLines),
    ...sources.flatMap(tooLong),
    ...reasonsOf(root, sources),
  ]
}

const under = (file: string, place: string): boolean => file === place || file.startsWith(`${place}/`)

const zoneOf = (file: string): string | undefined =>
  Object.keys(MAY_IMPORT)
    .filter((zone) => under(file, zone))
    .toSorted((a, b) => b.length - a.length)[0]

function sourcesIn(root: string, folder: string): Source[] {
  return listed(join(root, folder))
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map((name) => join(folder, name))
    .map((file) => {
      const text = readFileSync(join(root, file), 'utf8')
      return { file, lines: text.split('\n'), code: withoutComments(text).split('\n') }
    })
}

function listed(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' })
  } catch {
    return []
  }
}

/** Comments become blanks, so that line numbers stay. Good enough for code that a formatter has been over. */
export const withoutComments = (text: string): string =>
  text.replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ' ')).replace(/(^|\s)\/\/.*$/gm, '$1')

const IMPORT =
  /(?:^|\n)\s*(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]|\bimport\s*\(\s*['"]([^'"]+)['"]\s*\)|(?:^|\n)\s*import\s*['"]([^'"]+)['"]/g

function edgesOf(source: Source, root: string): Edge[] {
  const text = source.code.join('\n')
  return [...text.matchAll(IMPORT)].map((match) => {
    const name = match[1] ?? match[2] ?? match[3] ?? ''
    const ours = name.startsWith('.')
    const to = ours ? relative(root, resolve(root, dirname(source.file), name)) : name
    const line = text.slice(0, match.index + match[0].length).split('\n').length
    return { from: source.file, line, to, ours, typeOnly: /^\s*(import|export) type\b/.test(match[0]), late: match[2] !== undefined }
  })
}

function wrongImport({ from, line, to, ours }: Edge): Finding[] {
  if (!ours) return []
  const zone = zoneOf(from)
  const allowed = zone !== undefined && (under(to, zone) || (MAY_IMPORT[zone] ?? []).some((place) => under(to, place)))
  return allowed ? [] : [{ check: 'imports', where: `${from}:${line}`, what: `-> ${to}` }]
}

const circle = ([where = '', ...others]: readonly string[]): Finding => ({ check: 'circles', where, what: `and ${others.join(', ')}` })

const packageOf = (name: string): string => (name.startsWith('@') ? name.split('/').slice(0, 2).join('/') : (name.split('/')[0] ?? name))

function wrongDoor({ from, line, to, ours }: Edge): Finding[] {
  const doors = ours ? undefined : DOORS[to.startsWith('node:') ? to : packageOf(to)]
  return doors && !(from in doors) ? [{ check: 'doors', where: `${from}:${line}`, what: `-> ${to}` }] : []
}

/** Data and arithmetic may be called from anywhere; what else a deciding file calls is held to the same rule. */
const isBelow = (file: string): boolean => under(file, 'crds') || under(file, 'controller/kernel')

function pureFiles(sources: readonly Source[], edges: readonly Edge[]): ReadonlySet<string> {
  const pure = new Set(sources.map(({ file }) => file).filter((file) => PURE_NAME.test(file)))
  for (const file of pure) {
    for (const { from, to, ours, typeOnly } of edges) if (from === file && ours && !typeOnly && !isBelow(to)) pure.add(to)
  }
  return pure
}

const impureImport = ({ from, line, to, ours, typeOnly }: Edge): Finding[] =>
  ours || typeOnly ? [] : [{ check: 'purity', where: `${from}:${line}`, what: `-> ${to}` }]

const linesThat = (source: Source, pattern: RegExp, check: Finding['check']): Finding[] =>
  source.code.flatMap((line, i) => (pattern.test(line) ? [{ check, where: `${source.file}:${i + 1}`, what: line.trim() }] : []))

const clockLines = (source: Source): Finding[] => (source.file === 'controller/kernel/clock.ts' ? [] : linesThat(source, CLOCK, 'clock'))

const environmentLines = (source: Source): Finding[] =>
  ENVIRONMENT_DOORS.has(source.file) ? [] : linesThat(source, /\bprocess\.env\b/, 'environment')

const tooLong = (source: Source): Finding[] =>
  source.lines.length > LINES_MAX && source.file !== 'crds/types.ts'
    ? [{ check: 'size', where: source.file, what: `${source.lines.length} lines, ${LINES_MAX} is a sitting` }]
    : []

const misfit = (what: string): Finding => ({ check: 'reasons', where: 'docs/errors.md', what })

/** Every reason is documented, every documented reason exists, and every reason is used. */
function reasonsOf(root: string, sources: readonly Source[]): Finding[] {
  const list = sources.find((source) => source.file === 'controller/kernel/reasons.ts')
  if (!list) return []
  const reasons = [...list.code.join('\n').matchAll(/^ {2}'([A-Za-z]+)',/gm)].flatMap((match) => match[1] ?? [])
  const text = readFileSync(join(root, 'docs/errors.md'), 'utf8')
  const documented = [...text.matchAll(/^\| `([A-Za-z]+)` \|/gm)].flatMap((match) => match[1] ?? [])
  const code = sources
    .filter((source) => source !== list)
    .map((source) => source.code.join('\n'))
    .join('\n')
  return [
    ...reasons.filter((reason) => !documented.includes(reason)).map((reason) => misfit(`${reason} is not documented`)),
    ...documented.filter((reason) => !reasons.includes(reason)).map((reason) => misfit(`${reason} does not exist`)),
    ...reasons.filter((reason) => !new RegExp(`'${reason}'|\\b${reason}:`).test(code)).map((reason) => misfit(`${reason} is never used`)),
  ]
}
