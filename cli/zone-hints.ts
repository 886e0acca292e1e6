import { isZone } from '../controller/kernel/zones.ts'
import { placeIn } from './documents.ts'
import type { Finding } from './findings.ts'
import { field, textOf } from './json.ts'
import type { Judged } from './judge.ts'

/** Time zones that do not exist: an API server has no list of them and takes any, and then nothing starts by it. */
export const zoneHints = (judged: readonly Judged[]): readonly Finding[] =>
  judged.flatMap(({ given, ref }) =>
    ZONES.flatMap(({ by, path }): Finding[] => {
      const zone = ref?.kind.kind === by ? textOf(field(given.object, ...path)) : null
      if (!zone || isZone(zone)) return []
      const message = `there is no time zone "${zone}": write one such as Europe/Berlin`
      const [at, reason] = [path.join('.'), 'ScheduleInvalid']
      return [{ place: placeIn(given, at), ref, field: at, message, reason, said: '' }]
    }),
  )

const ZONES = [
  { by: 'Workspace', path: ['spec', 'schedule', 'timezone'] },
  { by: 'Owner', path: ['spec', 'timezone'] },
] as const
