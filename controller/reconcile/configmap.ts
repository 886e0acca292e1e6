import { keyOf } from '../kernel/names.ts'
import type { Kind } from './kind.ts'
import { isTemplate } from './workspace/template-seen.ts'

/** Templates whose files are in a ConfigMap look again when it comes, changes or goes. */
export const configMap: Pick<Kind, 'related' | 'shown'> = {
  related({ metadata }, objects) {
    const users = objects
      .list('Template', metadata.namespace)
      .filter(
        (object) => isTemplate(object) && object.spec.source.type === 'ConfigMap' && object.spec.source.configMap.name === metadata.name,
      )
    return users.map((template) => keyOf('Template', template.metadata.namespace ?? '', template.metadata.name))
  },
  shown: ({ data, binaryData }) => [data, binaryData],
}
