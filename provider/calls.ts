import { messageOf } from '../controller/kernel/errors.ts'
import { NO_SECRET, type DataHand, type Kept, type ResourceHand } from './hands/hand.ts'
import { DATA_HANDS } from './hands/data.ts'
import { RESOURCE_HANDS } from './hands/table.ts'
import { filledIn, replacedBy, reshaped } from './schema/fill.ts'
import type { Diagnostic, Entry, Path } from './schema/model.ts'
import { problem } from './schema/rules.ts'
import { DATA_SOURCES, PROVIDER_BLOCK, RESOURCES } from './schema/table.ts'
import { validate } from './schema/validate.ts'
import { Wrong, type Session } from './session.ts'
import { isObject, type ObjectValue, type Value } from './wire/values.ts'

/** What terraform asks of a provider, in values; the wire is somebody else's. */

export type Answered<T> = T & { readonly diagnostics: readonly Diagnostic[] }

/** Whatever goes wrong becomes a diagnostic: an error of the call itself would only say that the plugin misbehaves. */
async function told<T>(otherwise: T, work: () => T | Promise<T>): Promise<Answered<T>> {
  try {
    return { ...(await work()), diagnostics: [] }
  } catch (error) {
    const diagnostics = error instanceof Wrong ? error.diagnostics : [problem([], 'Provider failed', messageOf(error))]
    return { ...otherwise, diagnostics }
  }
}

function entryOf(kind: Entry['kind'], typeName: string): Entry {
  const entry = (kind === 'resource' ? RESOURCES : DATA_SOURCES).get(typeName)
  if (!entry) throw new Wrong(problem([], 'Unknown type', `This provider has no ${kind} of type "${typeName}".`))
  return entry
}

function resourceOf(typeName: string): { readonly entry: Entry; readonly hand: ResourceHand } {
  const entry = entryOf('resource', typeName)
  const hand = RESOURCE_HANDS[entry.name]
  if (!hand) throw new Error(`no hand for ${typeName}`)
  return { entry, hand }
}

function dataSourceOf(typeName: string): { readonly entry: Entry; readonly hand: DataHand } {
  const entry = entryOf('data', typeName)
  const hand = DATA_HANDS[entry.name]
  if (!hand) throw new Error(`no hand for ${typeName}`)
  return { entry, hand }
}

function objectOf(value: Value): ObjectValue {
  if (!isObject(value)) throw new Wrong(problem([], 'Unexpected value', 'Terraform sent something that is no object.'))
  return value
}

export async function validateEntry(kind: Entry['kind'], typeName: string, config: Value): Promise<readonly Diagnostic[]> {
  const { found, diagnostics } = await told({ found: [] as readonly Diagnostic[] }, () => ({
    found: validate(entryOf(kind, typeName).block, objectOf(config)),
  }))
  return [...found, ...diagnostics]
}

export async function validateProvider(config: Value): Promise<readonly Diagnostic[]> {
  const { found, diagnostics } = await told({ found: [] as readonly Diagnostic[] }, () => ({
    found: validate(PROVIDER_BLOCK, objectOf(config)),
  }))
  return [...found, ...diagnostics]
}

export async function configure(config: Value, session: Session): Promise<readonly Diagnostic[]> {
  if (isObject(config) && typeof config['url'] === 'string') session.accessUrl = config['url']
  return []
}

export const upgradeState = (typeName: string, stored: Value): Promise<Answered<{ readonly state: Value }>> =>
  told<{ readonly state: Value }>({ state: null }, () => ({ state: reshaped(resourceOf(typeName).entry.block, objectOf(stored)) }))

export const readData = (typeName: string, config: Value, session: Session): Promise<Answered<{ readonly state: Value }>> =>
  told<{ readonly state: Value }>({ state: null }, async () => {
    const { entry, hand } = dataSourceOf(typeName)
    return { state: await hand.read(filledIn(entry, objectOf(config), null), session) }
  })

export interface Resource {
  readonly state: Value
  readonly secret: Uint8Array
}

const GONE: Resource = { state: null, secret: NO_SECRET }

/** On failure what was there is answered: terraform keeps it, and a resource is never lost to a bad moment. */
export const readResource = (typeName: string, before: Resource, session: Session): Promise<Answered<Resource>> =>
  told<Resource>(before, async () => {
    const { hand } = resourceOf(typeName)
    const kept: Kept = { state: objectOf(before.state), secret: before.secret }
    return (hand.read ? await hand.read(kept, session) : kept) ?? GONE
  })

export interface Planned extends Resource {
  readonly replaces: readonly Path[]
}

export const planResource = (
  typeName: string,
  before: Resource,
  proposed: Value,
  config: Value,
  session: Session,
): Promise<Answered<Planned>> =>
  told<Planned>({ ...before, replaces: [] }, () => {
    if (proposed === null) return { ...GONE, replaces: [] }
    const { entry, hand } = resourceOf(typeName)
    const prior = isObject(before.state) ? before.state : null
    const filled = filledIn(entry, objectOf(config), prior)
    const state = hand.plan?.(filled, prior, session) ?? filled
    return { state, secret: before.secret, replaces: prior ? replacedBy(entry.block, prior, state) : [] }
  })

export const applyResource = (typeName: string, before: Value, planned: Resource, session: Session): Promise<Answered<Resource>> =>
  told<Resource>({ state: before, secret: planned.secret }, async () => {
    const { hand } = resourceOf(typeName)
    const prior = isObject(before) ? before : null
    if (planned.state === null) {
      if (prior) await hand.destroy?.({ state: prior, secret: planned.secret }, session)
      return GONE
    }
    const wanted = objectOf(planned.state)
    if (!prior) return hand.create(wanted, session)
    return hand.update ? hand.update(wanted, { state: prior, secret: planned.secret }, session) : { state: wanted, secret: planned.secret }
  })
