import { availableParallelism, loadavg, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { apply } from './apply.ts'
import { builds } from './builds.ts'
import { create } from './create.ts'
import { echo } from './echo.ts'
import { exec } from './exec.ts'
import { forward } from './forward.ts'
import type { Asked, Bench } from './harness/bench.ts'
import { judge, type Judged } from './harness/line.ts'
import { leaveAll } from './harness/place.ts'
import { tableOf } from './harness/table.ts'
import { importing } from './import.ts'
import { kubernetes } from './kubernetes.ts'
import { links } from './links.ts'
import { sandbox } from './sandbox.ts'
import { settled } from './settled.ts'
import { shutdown } from './shutdown.ts'
import { ssh } from './ssh.ts'
import { up } from './up.ts'
import { version } from './version.ts'
import { watches } from './watches.ts'

/** Every number we claim, beside its floor or its rival in the same run. It measures and says; it never judges a build. */

const BENCHES: readonly Bench[] = [
  create,
  up,
  builds,
  apply,
  importing,
  sandbox,
  settled,
  kubernetes,
  shutdown,
  exec,
  forward,
  ssh,
  echo,
  links,
  watches,
  version,
]

const USAGE = `usage: npm run bench [-- NAME … --quick --many -o json]

${BENCHES.map(({ name, about }) => `  ${name.padEnd(10)}${about}`).join('\n')}

  --quick   as few rounds as show that it works; its figures mean nothing
  --many    settled and kubernetes with 10000 workspaces, settled with ten quiet minutes
  -o json   one JSON object on standard output, in place of the tables
`

interface Wanted {
  readonly benches: readonly Bench[]
  readonly quick: boolean
  readonly many: boolean
  readonly json: boolean
}

interface Measured {
  readonly name: string
  readonly about: string
  readonly lines: readonly Judged[]
  readonly error: string | null
}

function wantedFrom(argv: readonly string[]): Wanted | string {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        quick: { type: 'boolean', default: false },
        many: { type: 'boolean', default: false },
        output: { type: 'string', short: 'o' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    if (values.help) return ''
    if (values.output !== undefined && values.output !== 'json') return `-o ${values.output}: only json is known`
    if (values.quick && values.many) return '--quick and --many exclude each other'
    const unknown = positionals.find((name) => !BENCHES.some((bench) => bench.name === name))
    if (unknown !== undefined) return `there is no ${unknown}`
    const benches = positionals.length === 0 ? BENCHES : BENCHES.filter(({ name }) => positionals.includes(name))
    return { benches, quick: values.quick, many: values.many, json: values.output === 'json' }
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

async function measured(bench: Bench, asked: Omit<Asked, 'say'>): Promise<Measured> {
  const { name, about } = bench
  const say = (line: string): void => void process.stderr.write(`${name}: ${line}\n`)
  try {
    return { name, about, lines: (await bench.measure({ ...asked, say })).map(judge), error: null }
  } catch (error) {
    return { name, about, lines: [], error: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
}

const machine = () => ({
  processors: availableParallelism(),
  memoryMB: Math.round(totalmem() / 1024 / 1024),
  platform: `${process.platform} ${process.arch}`,
  node: process.version,
  load: Number(loadavg()[0]?.toFixed(2)),
})

async function main(argv: readonly string[]): Promise<number> {
  const wanted = wantedFrom(argv)
  if (typeof wanted === 'string') {
    process.stderr.write(wanted === '' ? USAGE : `bench: ${wanted}\n\n${USAGE}`)
    return wanted === '' ? 0 : 2
  }
  const { benches, quick, many, json } = wanted
  const on = machine()
  const told: Measured[] = []
  if (!json) process.stdout.write(`${on.processors} processors, ${on.memoryMB} MB, ${on.platform}, Node ${on.node}, load ${on.load}\n`)
  for (const bench of benches) {
    const found = await measured(bench, { quick, many })
    told.push(found)
    if (!json) process.stdout.write(`\n${found.name}: ${found.about}\n${found.error ?? tableOf(found.lines).join('\n')}\n`)
  }
  if (json) process.stdout.write(`${JSON.stringify({ machine: on, quick, benches: told }, null, 2)}\n`)
  return told.some(({ error }) => error !== null) ? 1 : 0
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void leaveAll().finally(() => process.exit(130)))
}
process.exitCode = await main(process.argv.slice(2))
process.exit()
