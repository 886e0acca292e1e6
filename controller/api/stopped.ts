import { isJsonObject, own } from '../../crds/schema/types.ts'
import type { Resource } from '../cluster/port.ts'
import { Refused } from '../kernel/errors.ts'

/** Nobody answers there, so nobody is waited for. */
export function refuseStopped({ metadata, status }: Resource): void {
  if (!isJsonObject(status)) return
  const power = own(status, 'power')
  if (!isJsonObject(power) || own(power, 'effective') !== 'Stopped') return
  const how = own(power, 'reason') === 'NotBuilt' ? 'was not built yet' : 'is stopped'
  const held = heldBy(own(status, 'conditions'))
  const message = `Workspace ${metadata.name} ${how}${held === null ? '.' : `: ${held}`}`
  throw new Refused('Conflict', message, { name: metadata.name, group: 'bothy.dev', kind: 'workspaces' })
}

/** What keeps it from being started: whoever was told to start it would hear that next. */
function heldBy(conditions: unknown): string | null {
  const stalled = Array.isArray(conditions) ? conditions.filter(isJsonObject).find((each) => own(each, 'type') === 'Stalled') : undefined
  const message = stalled && own(stalled, 'status') === 'True' ? own(stalled, 'message') : null
  return typeof message === 'string' ? message : null
}
