import type { Connection, ServerChannel, Session } from 'ssh2'

/** The one door to the SSH protocol. Loaded when somebody first comes by ssh: most workspaces idle without. */

export type { AuthContext, Connection, PseudoTtyInfo, ServerChannel, Session } from 'ssh2'

export const loadSsh = async () => (await import('ssh2')).default

/** The end of one direction. `end()` of a server's channel closes both. */
export const endOutput = (channel: ServerChannel): void => void channel.eof()

interface ConnectionInside {
  readonly _chanMgr: { add(done: OpenDone): number }
  _protocol: { openssh_authAgent(channel: number, window: number, packet: number): void }
}

type OpenDone = ((error: Error | undefined, channel?: ServerChannel) => void) & { type?: string }

const WINDOW_BYTES = 2 * 1024 * 1024
const PACKET_BYTES = 32 * 1024
const AGENT_CHANNEL = 'auth-agent@openssh.com'

/** Opens a channel to the keys that the person forwarded; the library can say it, and has no name for it on a server. */
export function openAgentChannel(connection: Connection, done: (channel: ServerChannel | null) => void): void {
  if (!hasInside(connection)) return done(null)
  const opened: OpenDone = (error, channel) => done(error || !channel ? null : channel)
  opened.type = AGENT_CHANNEL
  const id = connection._chanMgr.add(opened)
  if (id === -1) return done(null)
  connection._protocol.openssh_authAgent(id, WINDOW_BYTES, PACKET_BYTES)
}

const hasInside = (connection: object): connection is ConnectionInside => '_chanMgr' in connection && '_protocol' in connection

/** Sessions are events, whatever their type says: they are no streams. */
export type SessionEvents = Pick<Session, 'on' | 'once'>

/**
 * What is written for a client that is gone goes nowhere. The library throws instead, out of whatever wrote: a process that
 * said one word more would end the agent.
 */
export function mute(connection: Connection): void {
  if (hasInside(connection)) connection._protocol = NOBODY
}

const NOBODY = new Proxy({ openssh_authAgent: () => {} }, { get: () => () => {} })
