import type { IncomingMessage } from 'node:http'
import { Refused } from '../kernel/errors.ts'

/** In what shape somebody wants what they ask for: the first of those they name that there is. */

export type Form = 'Object' | 'Table' | 'Metadata'

interface Media {
  readonly type: string
  readonly parameters: ReadonlyMap<string, string>
}

const JSON_TYPES: ReadonlySet<string> = new Set(['application/json', 'application/*', '*/*'])
const META_GROUP = 'meta.k8s.io'
const ACCEPT_LENGTH_MAX = 4096

export function formAsked(request: IncomingMessage): Form {
  const media = mediaAsked(request)
  if (media.length === 0) return 'Object'
  for (const { type, parameters } of media) {
    if (!JSON_TYPES.has(type)) continue
    const form = formOf(parameters)
    if (form) return form
  }
  throw new Refused(
    'NotAcceptable',
    'only the following media types are accepted: application/json, application/json;as=Table;v=v1;g=meta.k8s.io',
  )
}

function formOf(parameters: Media['parameters']): Form | null {
  const as = parameters.get('as')
  if (as === undefined) return 'Object'
  if (parameters.get('g') !== META_GROUP || parameters.get('v') !== 'v1') return null
  if (as === 'Table') return 'Table'
  return as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList' ? 'Metadata' : null
}

/** Whether a document is wanted under this group, version and name: discovery in one piece is. */
export const asksFor = (request: IncomingMessage, g: string, v: string, as: string): boolean =>
  mediaAsked(request).some(
    ({ type, parameters }) => JSON_TYPES.has(type) && parameters.get('g') === g && parameters.get('v') === v && parameters.get('as') === as,
  )

function mediaAsked(request: IncomingMessage): readonly Media[] {
  return (request.headers.accept ?? '')
    .slice(0, ACCEPT_LENGTH_MAX)
    .split(',')
    .flatMap((text) => {
      const [type = '', ...parameters] = text.split(';').map((part) => part.trim())
      if (type === '') return []
      const named = parameters.map((parameter) => parameter.split('=')).map(([name = '', value = '']) => [name, value] as const)
      return [{ type: type.toLowerCase(), parameters: new Map(named) }]
    })
}
