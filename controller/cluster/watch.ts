import type { Kind } from '../../crds/kinds.ts'
import type { Clock } from '../kernel/clock.ts'
import { Refused } from '../kernel/errors.ts'
import type { Feed } from './feed.ts'
import type { Change, ListOptions, Page, WatchOptions } from './port.ts'
import type { FeedChange } from './ring.ts'
import { refuseAhead } from './refusals.ts'
import { selectionOf, type Selection } from './selection.ts'
import { namespaceOf } from './stored.ts'

/** Between two bookmarks of a watch that asked for them. */
const BOOKMARK_EVERY_MS = 30_000
/** Of what there is already: a watcher that reads slowly holds no more of it. */
const PAGE = 500

interface Ports {
  readonly feed: Feed
  readonly clock: Clock
  readonly list: (kind: Kind, options: ListOptions) => Promise<Page>
}

/** Wrong selectors and versions are refused at once, not at the first change. */
export function watchKind(ports: Ports, kind: Kind, options: WatchOptions, signal: AbortSignal): AsyncIterable<Change> {
  const selection = selectionOf(kind, options)
  const from = positionOf(options.from)
  return follow(ports, kind, options, selection, options.initialEvents === true ? null : from, signal)
}

/** 0 means "any state will do", which for us is the present one. */
function positionOf(from: string | undefined): number | null {
  if (from === undefined || from === '' || from === '0') return null
  if (!/^\d{1,15}$/.test(from))
    throw new Refused(
      'BadRequest',
      `resourceVersion: Invalid value: ${JSON.stringify(from)}: must be a version that a list or watch has answered`,
    )
  return Number(from)
}

async function* follow(
  { feed, clock, list }: Ports,
  kind: Kind,
  options: WatchOptions,
  selection: Selection,
  from: number | null,
  signal: AbortSignal,
): AsyncGenerator<Change, void, void> {
  const { epoch } = feed
  let position = from
  if (position === null) {
    let present = await list(kind, { ...options, limit: PAGE })
    const { resourceVersion } = present
    if (options.initialEvents && options.from) refuseAhead(options.from, resourceVersion)
    while (options.initialEvents !== false) {
      for (const object of present.items) yield { type: 'ADDED', object }
      if (signal.aborted) return
      if (present.continue === undefined) break
      present = await list(kind, { ...options, limit: PAGE, continue: present.continue })
    }
    if (options.initialEvents && options.bookmarks) yield { type: 'BOOKMARK', kind: kind.kind, resourceVersion, endsInitialEvents: true }
    position = Number(resourceVersion)
  }
  let told = position
  let bookmarkAt = clock.now() + BOOKMARK_EVERY_MS
  while (!signal.aborted && !feed.ended) {
    const read = await feed.after(kind.kind, position, epoch)
    for (const change of read.changes) {
      const shown = shownTo(selection, change)
      if (shown && signal.aborted) return
      if (shown) {
        yield shown
        told = change.version
      }
    }
    const moved = read.position > position
    position = read.position
    if (moved) continue
    if (options.bookmarks && position > told && clock.now() >= bookmarkAt) {
      yield { type: 'BOOKMARK', kind: kind.kind, resourceVersion: String(position) }
      told = position
      bookmarkAt = clock.now() + BOOKMARK_EVERY_MS
    }
    await feed.moved(position, Math.max(bookmarkAt - clock.now(), 1_000), signal)
  }
}

/** An object that enters a selection is added to it, one that leaves it is deleted from it. */
function shownTo(selection: Selection, { type, object, selectable, before }: FeedChange): Change | null {
  if (selection.namespace !== null && namespaceOf(object) !== selection.namespace) return null
  const isIn = selection.seen(selectable)
  const wasIn = before === null ? isIn : selection.seen(before)
  if (type === 'MODIFIED' && isIn !== wasIn) return { type: isIn ? 'ADDED' : 'DELETED', object }
  // What is deleted leaves the selection it was in, whatever its last write changed.
  return (type === 'DELETED' ? wasIn : isIn) ? { type, object } : null
}
