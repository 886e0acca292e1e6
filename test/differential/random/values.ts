import { pattern } from '../../../crds/schema/regex.ts'
import { isJsonObject, type Schema } from '../../../crds/schema/types.ts'
import type { Dice } from './dice.ts'

/** Values as somebody means them: of the right shape, mostly within bounds, now and then at their edge. */

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`
const TEXTS: readonly string[] = [
  'node',
  'dev',
  'a',
  'team-a',
  'a1',
  'x'.repeat(63),
  'ada',
  'ada@example.com',
  'Node.js',
  'É😀',
  'two words',
  '*',
  './node',
  'a/b',
  '0s',
  '15m',
  '1h',
  '8h',
  '24h',
  '25h',
  '90m',
  '90s',
  '1h30m',
  '2d',
  '30d',
  '31d',
  '720h',
  '721h',
  '59s',
  '100000m',
  '365d',
  '9999d',
  'UTC',
  'Europe/Berlin',
  'Etc/GMT+5',
  '00:00',
  '23:59',
  '24:00',
  'main',
  'v1.2.3',
  'main.tf',
  'BOTHY_VAR_X',
  'region',
  '_x',
  'Ready',
  '0 9 * * 1-5',
  '*/15 8-10 * * Mon,Wed',
  'CRON_TZ=Europe/Berlin 30 7 * * 1',
  '0 25 * * *',
  '0 9 1 * *',
  '60 * * * *',
  '0 9 * * Fun',
  DIGEST,
  DIGEST.slice(0, -1),
  '0123456789ab',
  'True',
  'False',
  'Unknown',
  'Running',
  'NoSuchThing',
  '/etc',
  '../x',
  'a/../b',
  '.',
]
const INSTANTS: readonly string[] = [
  '2026-11-21T18:30:00Z',
  '2026-11-21T18:30:00.123456Z',
  '2026-11-21T18:30:00+01:00',
  '2026-02-28t00:00:00z',
  '0001-01-01T00:00:00Z',
  '2026-02-30T00:00:00Z',
  '2026-11-21',
  '2026-11-21T18:30:60Z',
  '2026-11-21T24:00:00Z',
  '2026-11-21 18:30:00Z',
  '2026-11-21T18:30:00',
  '2026-11-21T18:30:00+99:99',
  '2026-11-21T18:30:00Zt1',
  '26-11-21T18:30:00Z',
  'soon',
]
const NAMES: readonly string[] = ['cpu', 'main.tf', 'a', 'b.c/d', 'region', 'É', '__proto__', 'constructor', 'toString', 'a b', '-', '0']

export const textFor = (dice: Dice, schema: Schema): string => {
  if (schema.format === 'date-time') return dice.chance(0.7) ? INSTANTS[dice.roll(5)]! : dice.pick(INSTANTS)
  const fits = TEXTS.filter((text) => isWithin(schema, text))
  return fits.length > 0 && dice.chance(0.95) ? dice.pick(fits) : dice.pick(TEXTS)
}

const isWithin = (schema: Schema, text: string): boolean =>
  text.length >= (schema.minLength ?? 0) &&
  text.length <= (schema.maxLength ?? Infinity) &&
  (schema.pattern === null || pattern(schema.pattern).matches(text))

export function valueOf(dice: Dice, schema: Schema): unknown {
  if (schema.enum) return dice.pick(schema.enum)
  switch (schema.type) {
    case 'string':
      return textFor(dice, schema)
    case 'integer':
    case 'number':
      return numberFor(dice, schema)
    case 'boolean':
      return dice.chance(0.5)
    case 'array':
      return listFor(dice, schema)
    case 'object':
      return schema.additionalProperties ? mapFor(dice, schema.additionalProperties) : objectFor(dice, schema)
    case null:
      return anything(dice)
  }
}

function numberFor(dice: Dice, { minimum, maximum }: Schema): number {
  const [low, high] = [minimum ?? -10, maximum ?? 10]
  return dice.chance(0.5) ? dice.pick([low, high, low + 1]) : low + dice.roll(Math.min(high - low + 1, 100))
}

function listFor(dice: Dice, schema: Schema): readonly unknown[] {
  const { items } = schema
  if (!items) return []
  const made = Array.from({ length: dice.roll(4) }, () => valueOf(dice, items))
  if (schema.listType === 'atomic' || dice.chance(0.1)) return made
  // A name that is there already is named again.
  const seen = new Set<string>()
  return made.filter((item) => {
    const key = JSON.stringify(schema.listType === 'map' && isJsonObject(item) ? schema.listMapKeys.map((name) => item[name]) : item)
    return !seen.has(key) && seen.add(key)
  })
}

const mapFor = (dice: Dice, values: Schema): object =>
  Object.fromEntries(Array.from({ length: dice.roll(4) }, () => [dice.pick(NAMES), valueOf(dice, values)]))

function objectFor(dice: Dice, schema: Schema): object {
  const chosen = chosenMember(dice, schema)
  const present = [...schema.properties].filter(([name]) => {
    if (chosen.members.has(name)) return name === chosen.member || dice.chance(0.03)
    return schema.required.includes(name) || dice.chance(0.35)
  })
  const made = Object.fromEntries(present.map(([name, child]) => [name, valueOf(dice, child)]))
  return chosen.type === null ? made : { ...made, type: chosen.type }
}

interface Chosen {
  readonly type: string | null
  readonly member: string | null
  readonly members: ReadonlySet<string>
}

/** Of an object whose `type` names one of its siblings, or of which exactly one must be set, only that one is made. */
function chosenMember(dice: Dice, schema: Schema): Chosen {
  const types = (schema.properties.get('type')?.enum ?? []).map(String)
  const members = types.map((type) => type.charAt(0).toLowerCase() + type.slice(1))
  if (types.length > 0 && members.every((member) => schema.properties.has(member))) {
    const at = dice.roll(types.length)
    return { type: types[at] ?? null, member: members[at] ?? null, members: new Set(members) }
  }
  const alternatives = ALTERNATIVES.find((names) => names.every((name) => schema.properties.has(name))) ?? []
  return { type: null, member: alternatives.length > 0 ? dice.pick(alternatives) : null, members: new Set(alternatives) }
}

const ALTERNATIVES: readonly (readonly string[])[] = [
  ['value', 'valueFrom'],
  ['secretKeyRef', 'configMapKeyRef', 'env', 'file'],
  ['until', 'for'],
]

/** Whatever JSON can say. */
export function anything(dice: Dice, depth = 0): unknown {
  const kinds = depth > 2 ? 6 : 8
  switch (dice.roll(kinds)) {
    case 0:
      return dice.pick(TEXTS)
    case 1:
      return dice.pick([0, -1, 1, 7, 65, 1.5, -0.25, 1e-7, 1e21, 2 ** 31, 2 ** 53 - 1])
    case 2:
      return dice.chance(0.5)
    case 3:
      return null
    case 4:
      return ''
    case 5:
      return dice.pick(['😀'.repeat(40), 'x'.repeat(300), '\u0000', '<&>', 'line\nline', '"quoted"', '\u200b', '\\'])
    case 6:
      return Array.from({ length: dice.roll(3) }, () => anything(dice, depth + 1))
    default:
      return Object.fromEntries(Array.from({ length: dice.roll(3) }, () => [dice.pick(NAMES), anything(dice, depth + 1)]))
  }
}
