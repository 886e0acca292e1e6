import { keyOf, type Key } from '../../kernel/names.ts'
import { defineKind } from '../kind.ts'
import { act } from './act.ts'
import { decide } from './decide.ts'
import { isWorkspace, observe } from './observe.ts'
import { scheduleZone } from './schedule/autostart.ts'
import { simulate } from './simulate.ts'
import { why } from './why.ts'

export const workspace = defineKind({
  kind: 'Workspace',
  top: 'Ready',
  gatherMs: 0,
  observe,
  decide,
  act,
  why,
  simulate: (seen, now, until) => ({ timezone: scheduleZone(seen), changes: simulate(seen, now, until, []) }),
  related(object, objects): readonly Key[] {
    if (!isWorkspace(object)) return []
    const { metadata, spec } = object
    const namespace = metadata.namespace ?? ''
    const requests = objects.by('WorkspaceRequest', 'workspace', `${namespace}/${metadata.name}`)
    return [
      keyOf('Template', spec.template.namespace ?? namespace, spec.template.name),
      ...requests.map((request) => keyOf('WorkspaceRequest', namespace, request.metadata.name)),
    ]
  },
  /** A template counts its workspaces; a request is answered by what becomes of its workspace. */
  shown: (object) =>
    isWorkspace(object) && [
      object.metadata.uid,
      object.metadata.deletionTimestamp,
      object.metadata.annotations?.['bothy.dev/paused'],
      object.spec.template,
      object.spec.power,
      object.status?.state,
      object.status?.build,
      object.status?.template,
      object.status?.conditions?.map(({ type, status, reason }) => [type, status, reason]),
    ],
})
