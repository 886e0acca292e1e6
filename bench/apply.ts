import { inTurns, type Asked, type Bench } from './harness/bench.ts'
import type { Line } from './harness/line.ts'
import { inPlace, type Place } from './harness/place.ts'
import { bareTerraform, DATA, HELLO, installedMirror, type BareTerraform, type Files, type How } from './harness/terraform.ts'

/** What it saves that builds serve the provider themselves, and terraform need not start it. */
export const apply: Bench = {
  name: 'apply',
  about: 'one apply of the first template, its provider served by the build or started by terraform',
  measure: (asked) => inPlace((place) => measured(asked, place)),
}

const ROUNDS = 15
const ROUNDS_QUICK = 2
/** A provider that nobody serves makes no machines: as the workspace stops, the template has none. */
const STOPPED: How = { identity: { transition: 'stop' } }

async function measured(asked: Asked, place: Place): Promise<readonly Line[]> {
  const terraform = await bareTerraform(place, 'none')
  const mirror = await installedMirror(place)
  const found = await inTurns(asked, asked.quick ? ROUNDS_QUICK : ROUNDS, {
    served: () => appliedMs(terraform, HELLO, STOPPED),
    launched: () => appliedMs(terraform, HELLO, { ...STOPPED, mirror }),
    floor: () => appliedMs(terraform, DATA),
  })
  const floor = { what: 'terraform_data', values: found.floor }
  return [
    { what: 'apply, provider served by the build', unit: 'ms', values: found.served, beside: floor },
    { what: 'apply, provider started by terraform', unit: 'ms', values: found.launched, beside: floor },
    { what: 'served, beside started', unit: 'ms', values: found.served, beside: { what: 'started', values: found.launched } },
  ]
}

/** Without what is done once for a folder: the init that only a provider from a mirror needs. */
async function appliedMs(terraform: BareTerraform, files: Files, how: How = {}): Promise<number> {
  const folder = await terraform.prepare(files, how)
  if (how.mirror !== undefined) await folder.command('init', '-input=false', '-no-color')
  const ms = await folder.run()
  await folder.close()
  return ms
}
