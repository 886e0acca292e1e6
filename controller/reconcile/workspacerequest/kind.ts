import { toIso } from '../../kernel/clock.ts'
import { isRefused, never, Transient } from '../../kernel/errors.ts'
import { keyOf } from '../../kernel/names.ts'
import { defineKind } from '../kind.ts'
import { WRITER } from '../ports.ts'
import { observe as observeWorkspace } from '../workspace/observe.ts'
import { decide, explained, type Action } from './decide.ts'
import { answeredOf, isWorkspaceRequest, requestSeen, requestsOf, type Seen } from './seen.ts'

export const workspacerequest = defineKind<Seen, Action>({
  kind: 'WorkspaceRequest',
  top: 'Succeeded',
  gatherMs: 0,
  async observe(ports, object, now) {
    if (!isWorkspaceRequest(object)) throw new Error(`${object.kind} ${object.metadata.name} is no request`)
    const namespace = object.metadata.namespace ?? ''
    const answered = answeredOf(object)
    // What is answered depends on nothing any more.
    const workspace = answered ? undefined : ports.objects.get('Workspace', namespace, object.spec.workspace)
    return {
      namespace,
      workspaceName: object.spec.workspace,
      request: requestSeen(object),
      answered,
      workspace: workspace ? await observeWorkspace(ports, workspace, now) : null,
    }
  },
  decide,
  async act(action, { ports, object }) {
    switch (action.do) {
      case 'cancel-build':
        await ports.store.requestCancel(action.jobId, action.by)
        return undefined
      case 'approve-plan':
        await ports.store.approvePlan(action.jobId, action.by)
        return undefined
      case 'keep-life': {
        const kept = await ports.store.keepLife(action.workspaceUid, action.workspaceKey, action.life)
        if (!kept) throw new Transient('somebody else changed what is remembered of the workspace meanwhile')
        return undefined
      }
      case 'remove': {
        const { name, namespace = '', uid } = object.metadata
        try {
          return await ports.cluster.delete(object.kind, namespace, name, WRITER, { uid })
        } catch (error) {
          if (isRefused(error, 'NotFound', 'Conflict')) return undefined
          throw error
        }
      }
      default:
        return never(action)
    }
  },
  why(seen, now) {
    const { conditions, wakeAt } = decide(seen, now)
    const [answer] = conditions
    const open = answer?.status === 'Unknown'
    return {
      summary: `Request ${seen.request.name} asks workspace ${seen.workspaceName} to ${seen.request.action}. ${answer?.message ?? ''}`,
      wants: seen.request.action,
      reason: answer?.reason ?? 'Waiting',
      holds: open ? `${answer.reason}: ${answer.message}` : '',
      until: wakeAt === null ? null : toIso(wakeAt),
      changes: open ? 'What becomes of the workspace.' : 'Nothing: it is answered, and removed an hour after.',
      rules: explained(seen, now),
    }
  },
  related(object, objects) {
    if (!isWorkspaceRequest(object)) return []
    const namespace = object.metadata.namespace ?? ''
    // A newer request supersedes the others.
    const others = requestsOf(objects, namespace, object.spec.workspace).filter(({ uid, answer }) => uid !== object.metadata.uid && !answer)
    return [keyOf('Workspace', namespace, object.spec.workspace), ...others.map(({ name }) => keyOf('WorkspaceRequest', namespace, name))]
  },
  shown: (object) => isWorkspaceRequest(object) && [object.metadata.uid, object.status?.workspaceUid, object.status?.handledAt],
})
