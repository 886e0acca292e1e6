import type { IndexKey, Indexes } from '../cluster/port.ts'
import { isOwner, userOf } from './owner/seen.ts'
import { isWorkspace } from './workspace/observe.ts'
import { isTemplate } from './workspace/template-seen.ts'
import { isWorkspaceRequest } from './workspacerequest/seen.ts'

/** Where a look would otherwise go through everything there is, which for all looks together is a square. */

const workspace: Readonly<Record<string, IndexKey>> = {
  /** NAMESPACE/NAME of its template. */
  template: (object) =>
    isWorkspace(object) ? `${object.spec.template.namespace ?? object.metadata.namespace ?? ''}/${object.spec.template.name}` : null,
  /** Empty: it names none. */
  owner: (object) => (isWorkspace(object) ? (object.spec.owner ?? '') : null),
}

export const INDEXES: Indexes = {
  Owner: { user: (object) => (isOwner(object) ? userOf(object) : null) },
  Workspace: workspace,
  WorkspaceRequest: {
    /** NAMESPACE/NAME of its workspace. */
    workspace: (object) => (isWorkspaceRequest(object) ? `${object.metadata.namespace ?? ''}/${object.spec.workspace}` : null),
  },
  Template: {
    /** NAMESPACE/NAME of the ConfigMap that has its files. */
    configMap: (object) =>
      isTemplate(object) && object.spec.source.type === 'ConfigMap'
        ? `${object.metadata.namespace ?? ''}/${object.spec.source.configMap.name}`
        : null,
  },
}
