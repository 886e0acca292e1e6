import type { Step } from '../harness/step.ts'

/** Words that most steps are made of. */

export const API = '/apis/bothy.dev/v1alpha1'
export const INSIDE = `${API}/namespaces/{ns}`
export const WORKSPACES = `${INSIDE}/workspaces`
export const TEMPLATES = `${INSIDE}/templates`
export const REQUESTS = `${INSIDE}/workspacerequests`
export const OWNERS = `${API}/owners`
export const CONFIGMAPS = '/api/v1/namespaces/{ns}/configmaps'

export type Fields = Readonly<Record<string, unknown>>
type More = Partial<Omit<Step, 'does' | 'method' | 'path' | 'body'>>

const object = (kind: string, metadata: Fields, spec: unknown): Fields => ({ apiVersion: 'bothy.dev/v1alpha1', kind, metadata, spec })

export const workspace = (metadata: string | Fields, spec: Fields = {}): Fields =>
  object('Workspace', named(metadata), { owner: 'ada', template: { name: 'node' }, ...spec })

export const template = (metadata: string | Fields, spec: Fields = {}): Fields =>
  object('Template', named(metadata), { source: { type: 'ConfigMap', configMap: { name: 'files' } }, ...spec })

export const request = (metadata: string | Fields, spec: Fields = {}): Fields =>
  object('WorkspaceRequest', named(metadata), { workspace: 'dev', action: 'Start', ...spec })

export const owner = (metadata: string | Fields, spec: Fields = {}): Fields => object('Owner', named(metadata), spec)

export const configMap = (metadata: string | Fields, rest: Fields = {}): Fields => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: named(metadata),
  ...rest,
})

const named = (metadata: string | Fields): Fields => (typeof metadata === 'string' ? { name: metadata } : metadata)

export const get = (does: string, path: string, more: More = {}): Step => ({ does, method: 'GET', path, ...more })
export const create = (does: string, path: string, body: unknown, more: More = {}): Step => ({ does, method: 'POST', path, body, ...more })
export const put = (does: string, path: string, body: unknown, more: More = {}): Step => ({ does, method: 'PUT', path, body, ...more })
export const merge = (does: string, path: string, body: unknown, more: More = {}): Step => ({ does, method: 'PATCH', path, body, ...more })
export const remove = (does: string, path: string, body?: unknown, more: More = {}): Step => ({
  does,
  method: 'DELETE',
  path,
  ...(body === undefined ? {} : { body }),
  ...more,
})
export const patchAs = (type: string, does: string, path: string, body: unknown, more: More = {}): Step => ({
  does,
  method: 'PATCH',
  path,
  body,
  headers: { 'content-type': type },
  ...more,
})

export const DRY = { query: { dryRun: 'All' } }
/** What a PUT is made from. */
export const VERSION = { keep: { rv: 'metadata.resourceVersion' } }
export const IDENTITY = { keep: { rv: 'metadata.resourceVersion', uid: 'metadata.uid' } }
