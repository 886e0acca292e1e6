import { SERVICES, type PortSeen } from '../../agent/protocol.ts'
import type { Clock } from '../kernel/clock.ts'
import { isRefused, Transient } from '../kernel/errors.ts'
import { ask } from './ask.ts'
import type { Link } from './link.ts'

const PORTS_MAX = 256
const PROCESS_LENGTH_MAX = 256

/** What listens in a workspace; null: its agent cannot be asked now, or does not know. */
export async function listeningPorts(open: Pick<Link, 'open'>, clock: Clock): Promise<readonly PortSeen[] | null> {
  try {
    const { status, value } = await ask(open, clock, SERVICES.ports, {})
    return status === 200 && Array.isArray(value) ? value.filter(isPort).slice(0, PORTS_MAX) : null
  } catch (error) {
    if (error instanceof Transient || isRefused(error, 'ServiceUnavailable')) return null
    throw error
  }
}

const isPort = (value: unknown): value is PortSeen =>
  typeof value === 'object' &&
  value !== null &&
  'port' in value &&
  Number.isInteger(value.port) &&
  Number(value.port) > 0 &&
  Number(value.port) < 65_536 &&
  'process' in value &&
  typeof value.process === 'string' &&
  value.process.length <= PROCESS_LENGTH_MAX
