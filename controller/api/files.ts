import { filesQuery, type FilesQuery } from '../connect/files-query.ts'
import type { Call, ResourceHandler, Target } from './ports.ts'
import { existing } from './resources.ts'
import { refuseStopped } from './stopped.ts'

/**
 * `…/workspaces/NAME/files?op=…&path=…[&root=/][&agent=…]`: GET stat, list, read, watch, pack; PUT write, unpack;
 * POST mkdir, remove, move. Paths are of the home folder unless a root is named.
 */
const serveFiles =
  (method: FilesQuery['method']): ResourceHandler =>
  async (call: Call, target: Target) => {
    const asked = filesQuery(method, call.query)
    const workspace = await existing(call, target)
    refuseStopped(workspace)
    const { uid, name } = workspace.metadata
    const subject = { uid, namespace: target.namespace ?? '', name }
    const what = { subject, agentName: call.query.get('agent'), actor: call.caller.user, asked }
    await call.ports.files(what, call.request, call.response)
  }

/** Uploads last as long as they move; connect/files.ts ends those that stand still. */
export const takesFiles = (method: string, path: string): boolean => method === 'PUT' && FILES_PATH.test(path)
const FILES_PATH = /\/workspaces\/[^/]+\/files$/

export const FILES = { GET: serveFiles('GET'), PUT: serveFiles('PUT'), POST: serveFiles('POST') }
