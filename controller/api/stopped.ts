import { isJsonObject, own } from '../../crds/schema/types.ts'
import type { Resource } from '../cluster/port.ts'
import { Refused } from '../kernel/errors.ts'

/** Nobody answers there, so nobody is waited for. */
export function refuseStopped({ metadata, status }: Resource): void {
  const power = isJsonObject(status) ? own(status, 'power') : null
  if (!isJsonObject(power) || own(power, 'effective') !== 'Stopped') return
  const how = own(power, 'reason') === 'NotBuilt' ? 'was not built yet' : 'is stopped'
  throw new Refused('Conflict', `Workspace ${metadata.name} ${how}.`, { name: metadata.name, group: 'bothy.dev', kind: 'workspaces' })
}
