import type { Kind } from '../../crds/kinds.ts'
import type { Change } from '../cluster/port.ts'
import { formAsked } from './accept.ts'
import { objectAs } from './objects.ts'
import type { Call } from './ports.ts'
import { columnDefinitions, includedIn, TABLE } from './table.ts'

/** A change as the line of JSON that a watcher reads. Many watchers are told of the same one: what they are told alike is worded once. */

/** Whoever asked for the present state first learns by this that they have it all. */
const OVER = { 'k8s.io/initial-events-end': 'true' }

export function linesFor(call: Call, kind: Kind): (change: Change) => string {
  const form = formAsked(call.request)
  const isTable = form === 'Table'
  const included = isTable ? includedIn(call.query) : ''
  const as = objectAs(call, kind)
  const shared = sharedBy(`${kind.apiVersion} ${kind.kind} ${form} ${included}`)
  // Columns are told once: whoever shows a table keeps its head.
  let columns = isTable ? columnDefinitions(kind) : null

  return (change) => {
    const head = `{"type":"${change.type}","object":`
    const begins = columns !== null
    if (change.type === 'BOOKMARK') return `${head}${JSON.stringify(columned(bookmark(kind, change, isTable)))}}\n`
    if (begins) return `${head}${JSON.stringify(columned(as(change.object)))}}\n`
    // A row says how old an object is, in seconds at the finest: nobody else's is shown later than that.
    const second = isTable ? Math.floor(call.ports.clock.now() / 1000) : 0
    const known = shared.get(change.object)
    const text = known?.second === second ? known.text : JSON.stringify(as(change.object))
    if (text !== known?.text) shared.set(change.object, { second, text })
    return `${head}${text}}\n`
  }

  function columned(object: object): object {
    if (columns === null) return object
    const columnDefinitions = columns
    columns = null
    return { ...object, columnDefinitions }
  }
}

interface Worded {
  readonly second: number
  readonly text: string
}

/** By the shape that is asked for; each object takes its words along when nobody holds it any more. */
const shapes = new Map<string, WeakMap<object, Worded>>()

function sharedBy(shape: string): WeakMap<object, Worded> {
  const known = shapes.get(shape)
  if (known) return known
  const made = new WeakMap<object, Worded>()
  shapes.set(shape, made)
  return made
}

function bookmark(kind: Kind, change: Extract<Change, { type: 'BOOKMARK' }>, isTable: boolean): object {
  const metadata = { resourceVersion: change.resourceVersion, ...(change.endsInitialEvents ? { annotations: OVER } : {}) }
  return isTable ? { ...TABLE, metadata, rows: [] } : { kind: kind.kind, apiVersion: kind.apiVersion, metadata }
}
