import { paired, type Asked, type Bench } from './harness/bench.ts'
import type { Line } from './harness/line.ts'
import { inPlace, type Place } from './harness/place.ts'
import { bareTerraform, DATA, HELLO, type Files } from './harness/terraform.ts'

export const sandbox: Bench = {
  name: 'sandbox',
  about: 'what the walls around terraform cost: the same apply with BOTHY_ISOLATION=required and =none',
  measure: (asked) => inPlace((place) => measured(asked, place)),
}

const ROUNDS = 15
const ROUNDS_QUICK = 2
const TEMPLATES: readonly (readonly [string, Files])[] = [
  ['terraform_data', DATA],
  ['the first template', HELLO],
]

async function measured(asked: Asked, place: Place): Promise<readonly Line[]> {
  const walled = await bareTerraform(place, 'required')
  const open = await bareTerraform(place, 'none')
  asked.say(`the sandbox is ${walled.sandbox}`)
  const lines: Line[] = []
  for (const [what, files] of TEMPLATES) {
    const side = (terraform: typeof open) => async () => {
      const folder = await terraform.prepare(files)
      const ms = await folder.run()
      await folder.close()
      return ms
    }
    const { ours, theirs } = await paired(asked, asked.quick ? ROUNDS_QUICK : ROUNDS, side(walled), side(open))
    lines.push(
      { what: `apply of ${what} in the sandbox`, unit: 'ms', values: ours, beside: { what: 'without', values: theirs } },
      { what: '  more than without', unit: 'ms', values: ours.map((ms, i) => ms - (theirs[i] ?? Number.NaN)) },
    )
  }
  return lines
}
