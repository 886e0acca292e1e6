import { lstat, mkdir, readdir, chown } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { contentOf, FILES_BYTES_MAX, normaliseTemplate, type TemplateFile, type NormalisedTemplate } from '../../crds/files.ts'
import { Stalled } from '../kernel/errors.ts'
import { inMebibytes, tooMuchIn, watchLimits } from './build-limits.ts'
import { ownFile } from './folder.ts'
import { prepareFolder, stopReasonOf, type Tools, type Work } from './job.ts'
import { librariesOf, TREE, type Sandbox } from './sandbox.ts'
import type { Shown } from './world.ts'
import { SYNTHESISED } from './places.ts'
import { startTerraform } from './terraform.ts'

/**
 * Templates in TypeScript, synthesised once a version to what terraform reads. The program runs where terraform runs for a template that
 * needs only our provider: no network, nothing of this machine but a Node, cdktf and our constructs.
 */

const MAIN = 'main.ts'
const MANIFEST = 'cdktf.json'

const TIME_MS_MAX = 30_000
const HEAP_MEBIBYTES_MAX = 256
const OUT_FILES_MAX = 200
const LINES_MAX = 1000
const MESSAGE_CHARACTERS_MAX = 4000

export const isProgram = (files: readonly TemplateFile[]): boolean =>
  files.some(({ path }) => path === MAIN || path === MANIFEST) && !files.some(({ path }) => /^[^/]+\.(tf|tofu)(\.json)?$/.test(path))

/** The template as terraform reads it; whoever keeps it sees to it that it is the same for every workspace of this version. */
export async function asTerraform(tools: Tools, work: Work, template: NormalisedTemplate): Promise<NormalisedTemplate> {
  if (!isProgram(template.files)) return template
  return synthesised(tools, work, template)
}

async function synthesised(tools: Tools, work: Work, template: NormalisedTemplate): Promise<NormalisedTemplate> {
  const { journal } = work
  const main = mainOf(template.files)
  journal.stage('Parsing')
  journal.write('info', `Synthesising ${main}`)
  const folder = await prepareFolder(tools, work, template, null)
  const out = join(folder.path, 'out')
  await mkdir(out, { mode: 0o700 })
  const user = tools.sandbox.userOf(work.claim.job.id)
  if (user !== null) await chown(out, user, user)
  await run(tools, work, folder.path, main)
  const stack = await stackIn(out, main)
  const kept = template.files.filter(({ path }) => !/\.ts$|^(cdktf|package|package-lock|tsconfig)\.json$/.test(path))
  return normaliseTemplate(new Map([...kept.map((file) => [file.path, contentOf(file)] as const), ...stack]))
}

/** The one that cdktf.json names, else main.ts. */
function mainOf(files: readonly TemplateFile[]): string {
  const manifest = files.find(({ path }) => path === MANIFEST)
  const named = manifest ? /"app"\s*:\s*"[^"]*?([\w./-]+\.ts)\b[^"]*"/.exec(contentOf(manifest).toString('utf8'))?.[1] : undefined
  const main = (named ?? MAIN).replace(/^\.\//, '')
  if (files.some(({ path }) => path === main)) return main
  throw new Stalled('TemplateInvalid', `${MANIFEST}:1:1: the program it names, ${main}, is not in the template`)
}

async function run(
  { clock, sandbox, buildLimits }: Tools,
  { claim, journal, stop, progressed }: Work,
  folder: string,
  main: string,
): Promise<void> {
  const runtime = await runtimeOf()
  const place = sandbox.placeOf(folder).folder
  const out = `${place}/out`
  let wrong: string | null = null
  let lines = 0
  const running = startTerraform(
    await sandbox.launch({
      jobId: claim.job.id,
      terraform: { path: process.execPath, name: 'node' },
      folder,
      socket: null,
      shown: runtime.shown,
      args: [...nodeArguments(sandbox, runtime, place), sandbox.seenAt(RUNNER), `${place}/${TREE}`, main],
      env: { HOME: `${place}/home`, LANG: 'C.UTF-8', CDKTF_OUTDIR: out, CHECKPOINT_DISABLE: '1' },
    }),
    (line) => {
      progressed()
      const told = toldBy(line)
      if (told !== null) wrong = told.slice(0, MESSAGE_CHARACTERS_MAX)
      else if (line.trim() !== '' && (lines += 1) <= LINES_MAX) journal.write('info', line)
    },
  )
  let late = false
  const cancel = clock.after(TIME_MS_MAX, () => {
    late = true
    running.kill()
  })
  const end = () => running.kill()
  stop.addEventListener('abort', end, { once: true })
  if (stop.aborted) end()
  const over = new AbortController()
  let tooMuch: string | null = null
  const watched = watchLimits(clock, [() => tooMuchIn(folder, buildLimits)], over.signal, (what) => {
    tooMuch = what
    running.kill()
  })
  const ended = await running.ended.finally(() => {
    cancel()
    over.abort()
    stop.removeEventListener('abort', end)
  })
  await watched
  const exceeded = (await sandbox.over(claim.job.id)) ?? tooMuch
  if (stopReasonOf(stop) !== null) throw new Stalled('Interrupted', 'the import was stopped before it was done')
  if (late) throw new Stalled('TemplateInvalid', `${main}:1:1: it was not synthesised within ${TIME_MS_MAX / 1000} s`)
  if (ended.code === 0) return
  throw new Stalled('TemplateInvalid', wrong ?? `${main}:1:1: ${exceeded ?? whyEnded(ended.stderr)}`)
}

/** Of the runner, or of a program that pretends to be it: then it says something about itself. */
function toldBy(line: string): string | null {
  if (!line.startsWith('{"bothy":')) return null
  try {
    const { bothy }: { readonly bothy?: unknown } = JSON.parse(line)
    return typeof bothy === 'string' ? bothy : null
  } catch {
    return null
  }
}

const whyEnded = (stderr: string): string =>
  /heap out of memory|Allocation failed/.test(stderr)
    ? `it needs more than the ${HEAP_MEBIBYTES_MAX} MiB of memory it may have`
    : `it ended without being synthesised${stderr.trim() === '' ? '' : `: ${stderr.trim().slice(-1000)}`}`

/** Node's own walls stand inside those of the sandbox: where there is no sandbox they are the only ones. */
const nodeArguments = (sandbox: Sandbox, { shown, readable }: Runtime, place: string): string[] => [
  '--disable-warning=ExperimentalWarning',
  `--max-old-space-size=${HEAP_MEBIBYTES_MAX}`,
  '--no-addons',
  '--permission',
  ...shown.filter(({ inside }) => readable.has(inside)).map((each) => `--allow-fs-read=${sandbox.seenAt(each)}`),
  `--allow-fs-read=${place}/${TREE}/`,
  `--allow-fs-read=${place}/out/`,
  `--allow-fs-write=${place}/out/`,
]

interface Runtime {
  readonly shown: readonly Shown[]
  /** Of what is shown, what the program may read itself; libraries are read before it begins. */
  readonly readable: ReadonlySet<string>
}

const root = fileURLToPath(new URL('../../', import.meta.url))
const shownAs = (path: string): Shown => ({ outside: join(root, path), inside: `/runtime/${path}` })
const RUNNER = shownAs('provider/synth-runner.ts')
const PROGRAMS = [
  'provider/cdktf.ts',
  'provider/units.ts',
  'provider/construct-base.ts',
  'provider/constructs',
  'node_modules/cdktf',
  'node_modules/constructs',
]

let libraries: Promise<readonly string[]> | null = null

async function runtimeOf(): Promise<Runtime> {
  const needed = await (libraries ??= librariesOf(process.execPath))
  const programs = [RUNNER, ...PROGRAMS.map(shownAs)]
  const shown = [...programs, ...needed.map((path) => ({ outside: path, inside: path }))]
  return { shown, readable: new Set(programs.map(({ inside }) => inside)) }
}

/** What was written is anybody's: plain files and folders are taken, links are not followed. */
async function stackIn(out: string, main: string): Promise<Map<string, Buffer>> {
  const stacks =
    (await isFolder(out)) && (await isFolder(join(out, 'stacks'))) ? await readdir(join(out, 'stacks'), { withFileTypes: true }) : []
  const names = stacks.filter((entry) => entry.isDirectory()).map(({ name }) => name)
  const [name] = names
  if (name === undefined)
    throw new Stalled('TemplateInvalid', `${main}:1:1: it makes no stack: use template(…) of bothy/constructs, or call app.synth()`)
  if (names.length > 1)
    throw new Stalled('TemplateInvalid', `${main}:1:1: it makes ${names.length} stacks (${names.join(', ')}); a template is one`)
  const files = new Map<string, Buffer>()
  await collect(join(out, 'stacks', name), '', { files, bytes: 0 })
  return files
}

interface Collected {
  readonly files: Map<string, Buffer>
  bytes: number
}

/** Counted while it is read: a program may have written more than there is memory. */
async function collect(folder: string, path: string, into: Collected): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const inner = path === '' ? entry.name : `${path}/${entry.name}`
    if (into.files.size >= OUT_FILES_MAX) throw new Stalled('TemplateInvalid', `it was synthesised to more than ${OUT_FILES_MAX} files`)
    if (entry.isDirectory()) await collect(join(folder, entry.name), inner, into)
    else if (entry.isFile()) {
      const file = join(folder, entry.name)
      into.bytes += (await lstat(file)).size
      if (into.bytes > FILES_BYTES_MAX)
        throw new Stalled('TemplateInvalid', `it was synthesised to more than ${inMebibytes(FILES_BYTES_MAX)}`)
      const bytes = await ownFile(file)
      if (bytes) into.files.set(inner, inner === SYNTHESISED ? tidied(bytes) : bytes)
    }
  }
}

const isFolder = async (path: string): Promise<boolean> => {
  try {
    return (await lstat(path)).isDirectory()
  } catch {
    return false
  }
}

/** Where state is kept is ours to say, and names a path of the sandbox. */
function tidied(bytes: Buffer): Buffer {
  try {
    const { terraform, ...rest } = JSON.parse(bytes.toString('utf8'))
    const { backend: _backend, ...kept } = terraform ?? {}
    return Buffer.from(`${JSON.stringify({ ...rest, terraform: kept }, null, 2)}\n`)
  } catch {
    return bytes
  }
}
