import type { Kind } from '../../crds/kinds.ts'
import type { Page, Resource } from '../cluster/port.ts'
import { formAsked } from './accept.ts'
import { answerJson } from './answer.ts'
import { answerLong, listText } from './long-answer.ts'
import type { Call } from './ports.ts'
import { shown } from './shown.ts'
import { columnDefinitions, includedIn, metadataOf, rowOf, TABLE } from './table.ts'

/** Objects and lists of them, in the shape that is asked for: as they are, as a table, or their metadata alone. */

/** One object, in that shape. A table has a row and its version; its columns are for whoever begins it. */
export function objectAs({ request, query, ports }: Pick<Call, 'request' | 'query' | 'ports'>, kind: Kind): (object: Resource) => object {
  switch (formAsked(request)) {
    case 'Object':
      return (object) => shown(kind, object)
    case 'Metadata':
      return metadataOf
    case 'Table': {
      const included = includedIn(query)
      return (object) => {
        const rows = [rowOf(kind, object, included, ports.clock.now())]
        return { ...TABLE, metadata: { resourceVersion: object.metadata.resourceVersion }, rows }
      }
    }
  }
}

export function answerObject(call: Call, kind: Kind, code: number, object: Resource): void {
  const answer = objectAs(call, kind)(object)
  const isTable = formAsked(call.request) === 'Table'
  call.response.setHeader('vary', 'Accept')
  answerJson(call.response, code, isTable ? { ...answer, columnDefinitions: columnDefinitions(kind) } : answer)
}

/** The first page says of what all of them are a part. */
export async function answerPages(call: Call, kind: Kind, pages: AsyncGenerator<Page, void, void>): Promise<void> {
  const first = await pages.next()
  if (first.done) return
  const { resourceVersion, continue: next, remaining } = first.value
  const metadata = {
    resourceVersion,
    ...(next === undefined ? {} : { continue: next }),
    ...(remaining === undefined ? {} : { remainingItemCount: remaining }),
  }
  const now = call.ports.clock.now()
  const all = (shape: (object: Resource) => object) => itemsOf(first.value, pages, shape)
  switch (formAsked(call.request)) {
    case 'Object': {
      const head = { kind: `${kind.kind}List`, apiVersion: kind.apiVersion, metadata }
      const items = all((object) => shown(kind, object))
      return answerLong(call, listText(head, 'items', items))
    }
    case 'Metadata': {
      const head = { kind: 'PartialObjectMetadataList', apiVersion: 'meta.k8s.io/v1', metadata }
      return answerLong(call, listText(head, 'items', all(metadataOf)))
    }
    case 'Table': {
      const included = includedIn(call.query)
      const head = { ...TABLE, metadata, columnDefinitions: columnDefinitions(kind) }
      const rows = all((object) => rowOf(kind, object, included, now))
      return answerLong(call, listText(head, 'rows', rows))
    }
  }
}

async function* itemsOf(
  first: Page,
  others: AsyncIterable<Page>,
  shape: (object: Resource) => object,
): AsyncGenerator<Iterable<object>, void, void> {
  yield Iterator.from(first.items).map(shape)
  for await (const { items } of others) yield Iterator.from(items).map(shape)
}
