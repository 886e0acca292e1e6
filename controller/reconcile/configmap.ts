import { keyOf } from '../kernel/names.ts'
import type { Kind } from './kind.ts'

/** Templates whose files are in a ConfigMap look again when it comes, changes or goes. */
export const configMap: Pick<Kind, 'related' | 'shown'> = {
  related({ metadata }, objects) {
    const users = objects.by('Template', 'configMap', `${metadata.namespace ?? ''}/${metadata.name}`)
    return users.map((template) => keyOf('Template', template.metadata.namespace ?? '', template.metadata.name))
  },
  shown: ({ data, binaryData }) => [data, binaryData],
}
