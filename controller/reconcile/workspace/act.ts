import type { Resource } from '../../cluster/port.ts'
import { never, Transient } from '../../kernel/errors.ts'
import { keyOf } from '../../kernel/names.ts'
import { withFinalizer, withoutFinalizer } from '../finalizer.ts'
import type { Acting } from '../kind.ts'
import type { Action } from './decide.ts'
import { CONTROLLER, FINALIZER } from './seen.ts'

export async function act(action: Action, { ports, object }: Acting): Promise<Resource | undefined> {
  const { cluster, store } = ports
  switch (action.do) {
    case 'add-finalizer':
      return withFinalizer(cluster, object, FINALIZER)
    case 'remove-finalizer':
      await store.forgetLife(object.metadata.uid)
      return withoutFinalizer(cluster, object, FINALIZER)
    case 'keep-life': {
      const { kind, metadata } = object
      const kept = await store.keepLife(metadata.uid, keyOf(kind, metadata.namespace ?? '', metadata.name), action.life)
      if (!kept) throw new Transient('somebody else changed what is remembered of it meanwhile')
      return undefined
    }
    case 'queue-build': {
      const queued = await store.queueBuild(action.build, action.lifeRevision)
      if (queued) for (const happening of action.tells) await cluster.emit(happening)
      return undefined
    }
    case 'cancel-build':
      return void (await store.requestCancel(action.jobId, CONTROLLER))
    case 'queue-look':
      return void (await store.queueLook(action.look))
    case 'queue-plan':
      return void (await store.queuePlan(action.plan))
    case 'wish-shutdown':
      return void (await store.wishShutdown(object.metadata.uid))
    case 'emit':
      return void (await cluster.emit(action.happening))
    default:
      return never(action)
  }
}
