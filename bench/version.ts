import { join } from 'node:path'
import { paired, timed, type Asked, type Bench } from './harness/bench.ts'
import { declaredTemplate, startUp } from './harness/control-plane.ts'
import type { Line } from './harness/line.ts'
import { inPlace, type Place } from './harness/place.ts'
import { bareNodeMs, BOTHY, environment, node, root, type Variables } from './harness/programs.ts'

export const version: Bench = {
  name: 'version',
  about: 'what it costs to start the command line, and how much of it a command loads',
  measure: (asked) => inPlace((place) => measured(asked, place)),
}

const ROUNDS = 20
const ROUNDS_QUICK = 3

async function measured(asked: Asked, place: Place): Promise<readonly Line[]> {
  const env = environment(place.folder)
  const beside = (command: readonly string[]) =>
    paired(
      asked,
      asked.quick ? ROUNDS_QUICK : ROUNDS,
      () => timed(() => node(command, env)),
      () => bareNodeMs(env),
    )
  const line = async (what: string, command: readonly string[]): Promise<Line> => {
    const { ours, theirs } = await beside(command)
    return { what, unit: 'ms', values: ours, beside: { what: 'bare node', values: theirs } }
  }
  const alone = await line('bothy version', [...BOTHY, 'version'])
  const wrapped = await line('  by cli/bothy.js', [join(root, 'cli', 'bothy.js'), 'version'])
  await startUp(place, declaredTemplate(place), env)
  const get = await line('bothy get templates', [...BOTHY, 'get', 'templates'])
  return [
    alone,
    ...(await loadedBy(env, 'version')),
    wrapped,
    get,
    ...(await loadedBy(env, 'get', 'templates')),
    await line('bothy get templates -o json', [...BOTHY, 'get', 'templates', '-o', 'json']),
  ]
}

const COUNTER = join(import.meta.dirname, 'harness', 'count-modules.ts')

/** How many files a command loads, ours and others', and how much there is to read. */
async function loadedBy(env: Variables, ...command: readonly string[]): Promise<Line[]> {
  const [flag = '', main = ''] = BOTHY
  const said = await node([flag, '--import', COUNTER, main, ...command], env)
  const [, ours, others, kilobytes] = /^loaded (\d+) (\d+) (\d+)$/m.exec(said) ?? []
  return [
    { what: '  files of ours it loads', unit: '', values: [Number(ours)] },
    { what: '  files of packages it loads', unit: '', values: [Number(others)] },
    { what: '  kilobytes of source', unit: '', values: [Number(kilobytes)] },
  ]
}
