import { toIso } from '../../kernel/clock.ts'
import { never } from '../../kernel/errors.ts'
import { keyOf } from '../../kernel/names.ts'
import { withFinalizer, withoutFinalizer } from '../finalizer.ts'
import { defineKind } from '../kind.ts'
import { isTemplate } from '../workspace/template-seen.ts'
import { decide, explained, opinionOf, type Action } from './decide.ts'
import { observe } from './observe.ts'
import type { Seen } from './seen.ts'

export const template = defineKind<Seen, Action>({
  kind: 'Template',
  top: 'Ready',
  // It counts its workspaces: a hundred that start at once are a few looks at it.
  gatherMs: 200,
  observe,
  decide,
  async act(action, { ports, object }) {
    switch (action.do) {
      case 'add-finalizer':
        return withFinalizer(ports.cluster, object, action.finalizer)
      case 'remove-finalizer':
        return withoutFinalizer(ports.cluster, object, action.finalizer)
      case 'queue-import': {
        const { job, source } = action
        if (source?.files) await ports.store.keepFiles(job.digest, source.files)
        if (source) await ports.store.keepVersion(job.subject.uid, job.digest, source.origin)
        await ports.store.queueImport(job)
        return undefined
      }
      case 'emit':
        await ports.cluster.emit(action.happening)
        return undefined
      default:
        return never(action)
    }
  },
  why(seen, now) {
    const opinion = opinionOf(seen, now)
    return {
      summary: `Template ${seen.template.name}: ${opinion.message}`,
      wants: seen.template.deleting ? 'gone' : 'imported',
      reason: opinion.reason,
      holds: opinion.ready ? '' : `${opinion.reason}: ${opinion.message}`,
      until: opinion.wakeAt === undefined ? null : toIso(opinion.wakeAt),
      changes: seen.template.deleting ? 'Delete the workspaces that use it.' : 'A change of its files or its spec.',
      rules: explained(seen, now),
    }
  },
  related(object, objects) {
    const { name, namespace = '' } = object.metadata
    return objects
      .by('Workspace', 'template', `${namespace}/${name}`)
      .map(({ metadata }) => keyOf('Workspace', metadata.namespace ?? '', metadata.name))
  },
  /** What workspaces are judged by; not how many there are. */
  shown: (object) =>
    isTemplate(object) && [
      object.metadata.uid,
      object.metadata.generation,
      object.metadata.deletionTimestamp,
      object.status?.activeVersion?.digest,
      object.status?.conditions?.filter(({ type }) => type !== 'Declared').map(({ type, status, message }) => [type, status, message]),
    ],
})
