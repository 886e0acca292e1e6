import { PLACE_LABEL } from '../../kernel/names.ts'
import type { Seen } from './seen.ts'

/** Which provisioners may work on a workspace: those its template asks for; and once it has something on a machine, those there. */
export function wantedLabels({ template, builds }: Pick<Seen, 'template' | 'builds'>): Readonly<Record<string, string>> {
  const { [PLACE_LABEL]: _place, ...before } = builds[0]?.labels ?? {}
  const asked = template?.labels ?? before
  const place = placeOf(builds)
  return place === null ? asked : { ...asked, [PLACE_LABEL]: place }
}

/** Homes and volumes stay there when it stops: only a destroy sets it free. */
function placeOf(builds: Seen['builds']): string | null {
  for (const { transition, phase, result } of builds) {
    if (transition === 'destroy' && phase === 'Succeeded') return null
    if (result?.place !== undefined) return result.place
  }
  return null
}
