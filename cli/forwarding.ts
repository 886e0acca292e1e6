import { usage } from './failure.ts'

/** What one argument of port-forward means. */
export interface Forwarding {
  readonly local: { readonly port: number } | { readonly path: string }
  /** As the control plane takes it: `tcp:127.0.0.1:80` or `unix:/path`. */
  readonly target: string
  /** The same, for people. */
  readonly shown: string
}

const SPEC = /^(?:(?<local>\d{1,5}|\/[^:]+)?(?<colon>:))?(?:(?<host>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9][\w.-]*):)?(?<remote>\d{1,5}|\/[^:]+)$/
const PORT_MAX = 65_535

/** `8080`, `8080:80`, `:80`, `8080:db.internal:5432`, `2375:/run/docker.sock`, `/tmp/x.sock:80`. */
export function forwardingOf(text: string): Forwarding {
  const { local, colon, host, remote = '' } = SPEC.exec(text)?.groups ?? {}
  const wrong = usage(`"${text}" names no port to forward`, 'write 8080, 8080:80, :80, 8080:HOST:80, 8080:/path.sock or /path.sock:80')
  const isPath = remote.startsWith('/')
  if (remote === '' || (isPath && host !== undefined) || (isPath && colon === undefined)) throw wrong
  if (!isPath && (Number(remote) < 1 || Number(remote) > PORT_MAX)) throw wrong
  const port = local === undefined ? (colon === undefined ? Number(remote) : 0) : Number(local)
  if (local?.startsWith('/') !== true && port > PORT_MAX) throw wrong
  const address = host === undefined ? `127.0.0.1:${remote}` : `${host}:${remote}`
  return {
    local: local?.startsWith('/') ? { path: local } : { port },
    target: isPath ? `unix:${remote}` : `tcp:${address}`,
    shown: isPath ? remote : host === undefined ? remote : address,
  }
}
