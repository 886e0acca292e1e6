import { exponentialMs, jittered } from '../kernel/backoff.ts'
import { createBatches } from '../kernel/batches.ts'
import { within, type Clock } from '../kernel/clock.ts'
import { messageOf, Transient } from '../kernel/errors.ts'
import type { Log } from '../kernel/log.ts'
import type { Metrics } from '../kernel/metrics.ts'
import { acquireLease, assertLease, LEASES_CHANNEL, releaseLease, renewLease } from '../store/leases.ts'
import { isBehind } from '../store/migrate.ts'
import type { Db } from '../store/pool.ts'

/**
 * One replica reconciles. It holds a row with an end, renews it each second, and may act only while the end is ahead; whoever
 * takes it over gets the next epoch, and nothing is written under an earlier one.
 *
 *   waiting ──row is free──► term (epoch n) ──not renewed in time, or newer schema──► waiting
 */

/** What a replica may do while it leads. */
export interface Term {
  readonly epoch: number
  /** Throws unless this replica may act now. Asked before each side effect. */
  readonly assert: () => Promise<void>
  /** The database for what only the holder may write: a statement of a former holder is refused by the database itself. */
  readonly fenced: Db
}

export interface LeadingOptions {
  readonly db: Db
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
  /** Of the lease: who shares it does the same work. */
  readonly name: string
  readonly holder: string
  /** Whether this replica could do anything if it led; absent: always. One that could not leaves it to another. */
  readonly able?: () => boolean
  readonly begin: (term: Term) => Promise<void>
  /** Resolves when nothing of the term is done any more. */
  readonly end: () => Promise<void>
}

export interface Leading {
  readonly leads: boolean
  /** Ends the term, and lets the next replica begin at once. */
  close(): Promise<void>
}

const LEASE_MS = 3000
const RENEW_MS = 1000
const ANSWER_MS = 900
/** The clocks of this machine and of the database may run at slightly different speeds. */
const MARGIN_MS = 150
const LOOK_FIRST_MS = 250
const LOOK_MOST_MS = 1000
const STATEMENTS_MAX = 50

const CHANGES_HELP = 'Times that this replica began or ceased to reconcile.'
const slow = () => new Transient('the database is slow')

interface Held {
  readonly term: Term
  /** By this process's own clock, counted from before the database was asked. */
  validUntilMs: number
}

export function lead(options: LeadingOptions): Leading {
  const { db, clock, name, holder, able = () => true } = options
  const log = options.log.with({ part: 'leading', holder })
  const over = new AbortController()
  let held: Held | null = null
  let losses = 0
  options.metrics.gauge('bothy_leads', 'Whether this replica reconciles.', () => (held ? 1 : 0))

  const answered = <T>(work: Promise<T>): Promise<T> => within(clock, ANSWER_MS, work, slow)
  const changed = (to: 'leading' | 'waiting') => options.metrics.count('bothy_leader_changes_total', CHANGES_HELP, { to })

  const take = async (): Promise<void> => {
    if (!able()) return
    const askedMs = clock.elapsedMs()
    // Whoever knows less than the database would misread what is in it: a newer replica is there, or comes back.
    if (await answered(isBehind(db))) return void log.debug('the schema is newer than this program: it does not reconcile')
    const lease = await answered(acquireLease(db, name, holder, LEASE_MS))
    if (!lease) return
    // Told to end while it was asked: the next one need not wait for the end of what nobody uses.
    if (over.signal.aborted) return releaseLease(db, name, lease.epoch)
    held = heldUnder(options, lease.epoch, askedMs + LEASE_MS, () => held)
    log.info('this replica reconciles', { epoch: lease.epoch })
    changed('leading')
    try {
      await options.begin(held.term)
    } catch (error) {
      await cease(`it could not begin: ${messageOf(error)}`)
      await answered(releaseLease(db, name, lease.epoch))
    }
  }

  const keep = async (mine: Held): Promise<void> => {
    if (!able()) return cease('what is declared is out of reach').then(() => releaseLease(db, name, mine.term.epoch))
    const askedMs = clock.elapsedMs()
    try {
      const [renewed, behind] = await answered(Promise.all([renewLease(db, name, mine.term.epoch, LEASE_MS), isBehind(db)]))
      if (renewed && !behind) return void (mine.validUntilMs = askedMs + LEASE_MS)
      return await cease(behind ? 'the schema is newer than this program' : 'another replica holds the lease')
    } catch (error) {
      log.debug('the lease was not renewed', { error: messageOf(error) })
    }
    if (clock.elapsedMs() > mine.validUntilMs - MARGIN_MS) await cease('the lease was not renewed in time')
  }

  const cease = async (why: string): Promise<void> => {
    held = null
    losses += 1
    log.warn('this replica reconciles no more', { why })
    changed('waiting')
    await options.end()
  }

  const turn = async (): Promise<number> => {
    try {
      await (held ? keep(held) : take())
    } catch (error) {
      log.debug('the lease could not be taken', { error: messageOf(error) })
    }
    return held ? RENEW_MS : jittered(exponentialMs(Math.min(losses, 3) + 1, LOOK_FIRST_MS, LOOK_MOST_MS), Math.random())
  }
  const running = turnAfterTurn(options, turn, over.signal)

  return {
    get leads() {
      return held !== null
    },
    async close() {
      over.abort()
      await running
      const last = held
      if (!last) return
      await options.end()
      held = null
      await releaseLease(db, name, last.term.epoch)
    },
  }
}

function heldUnder({ db, clock, name }: LeadingOptions, epoch: number, validUntilMs: number, now: () => Held | null): Held {
  const assert = async (): Promise<void> => {
    const held = now()
    if (held?.term.epoch !== epoch || clock.elapsedMs() > held.validUntilMs - MARGIN_MS)
      throw new Transient(`this replica reconciles no more: its lease ${name} under epoch ${epoch} is over`)
  }
  const inTerm = <T>(work: (tx: Db) => Promise<T>): Promise<T> =>
    db.transaction(async (tx) => {
      await assertLease(tx, name, epoch)
      return work(tx)
    })
  // What many looks write at the same time is one transaction: its fence costs as much as what it is a fence of.
  const statements = createBatches<Parameters<Db['query']>, Record<string, unknown>[]>({
    most: STATEMENTS_MAX,
    work: (each) => inTerm((tx) => oneByOne(each, (asked) => tx.query(...asked))),
    isUnsure: (error) => error instanceof Transient,
  })
  const fenced: Db = {
    ...db,
    query: <Row>(...asked: Parameters<Db['query']>) => statements.ask(asked) as Promise<Row[]>,
    transaction: inTerm,
  }
  return { term: { epoch, assert, fenced }, validUntilMs }
}

async function oneByOne<Item, Answer>(items: readonly Item[], work: (item: Item) => Promise<Answer>): Promise<Answer[]> {
  const answers: Answer[] = []
  for (const item of items) answers.push(await work(item))
  return answers
}

/** Each turn says how long to wait for the next; a lease that is given back ends the wait. */
async function turnAfterTurn({ db, clock, name }: LeadingOptions, turn: () => Promise<number>, over: AbortSignal): Promise<void> {
  const soon = wakeable(clock, over)
  const stop = await db.listen(LEASES_CHANNEL, (which) => which === name && soon.wake(), soon.wake).catch(() => async () => {})
  while (!over.aborted) await soon.sleep(await turn())
  await stop()
}

/** A pause that somebody may end. */
function wakeable(clock: Clock, over: AbortSignal) {
  let pausing: AbortController | null = null
  return {
    wake: () => pausing?.abort(),
    async sleep(ms: number) {
      pausing = new AbortController()
      await clock.sleep(ms, AbortSignal.any([pausing.signal, over]))
    },
  }
}
