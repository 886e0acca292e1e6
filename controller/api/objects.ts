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

export async function answerPage(call: Call, kind: Kind, { items, resourceVersion, continue: next, remaining }: Page): Promise<void> {
  const metadata = {
    resourceVersion,
    ...(next === undefined ? {} : { continue: next }),
    ...(remaining === undefined ? {} : { remainingItemCount: remaining }),
  }
  const now = call.ports.clock.now()
  switch (formAsked(call.request)) {
    case 'Object': {
      const head = { kind: `${kind.kind}List`, apiVersion: kind.apiVersion, metadata }
      return answerLong(
        call,
        listText(
          head,
          'items',
          Iterator.from(items).map((object) => shown(kind, object)),
        ),
      )
    }
    case 'Metadata': {
      const head = { kind: 'PartialObjectMetadataList', apiVersion: 'meta.k8s.io/v1', metadata }
      return answerLong(call, listText(head, 'items', Iterator.from(items).map(metadataOf)))
    }
    case 'Table': {
      const included = includedIn(call.query)
      const head = { ...TABLE, metadata, columnDefinitions: columnDefinitions(kind) }
      return answerLong(
        call,
        listText(
          head,
          'rows',
          Iterator.from(items).map((object) => rowOf(kind, object, included, now)),
        ),
      )
    }
  }
}
