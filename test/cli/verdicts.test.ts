import { expect, test } from 'vitest'
import { refusalOf } from '../../controller/cluster/verdict.ts'
import { GROUP, KINDS } from '../../crds/kinds.ts'
import { field } from '../../crds/schema/load.ts'
import { CORPUS } from '../differential/corpus/index.ts'
import { readRecorded } from '../differential/harness/recorded.ts'
import { newNames, normal } from '../differential/harness/normal.ts'
import type { Answer } from '../differential/harness/run.ts'
import type { Step } from '../differential/harness/step.ts'

/** Every object of ours that was once given to a real API server is judged here without one, and in the very same words. */

const OURS = KINDS.filter(({ group }) => group === GROUP)
/** What each run of the corpus calls otherwise. */
const PLACES = [
  ['{ns}', 'a-namespace'],
  ['{run}', 'arun'],
] as const

/** Whether a step makes an object, whole and of its own name, and what came back is about that object alone. */
function isVerdict({ method, path, query = {}, headers, body }: Step, answer: Answer | undefined): answer is Answer {
  const kind = OURS.find(({ plural }) => path.endsWith(`/${plural}`))
  const { dryRun = 'All', fieldValidation = 'Warn', ...more } = query
  const isAsked = method === 'POST' && headers === undefined && dryRun === 'All' && Object.keys(more).length === 0
  const isWhole = field(body, 'kind') === kind?.kind && field(body, 'metadata', 'generateName') === undefined
  if (!kind || !isAsked || !isWhole || !answer || answer.warnings || JSON.stringify(body).includes('{uid}')) return false
  return answer.code === 400 ? fieldValidation === 'Strict' : /^(Strict|Warn)$/.test(fieldValidation) && [201, 422].includes(answer.code)
}

const essence = (code: unknown, body: unknown) => [code, field(body, 'message'), field(body, 'details', 'causes')]

const theirs = ({ code, body }: Answer) => (code === 201 ? 'fine' : essence(code, body))

function ours(body: unknown) {
  const text = PLACES.reduce((so, [place, value]) => so.replaceAll(place, value), JSON.stringify(body))
  const refusal = refusalOf(JSON.parse(text))
  const names = newNames()
  for (const [place, value] of PLACES) names.known.set(value, place)
  return refusal === null ? 'fine' : essence(refusal.code, normal({ message: refusal.message, details: refusal.details }, names))
}

test('what a real server said of an object is said of it offline, cause for cause', () => {
  const tried = Object.entries(CORPUS).flatMap(([theme, scenarios]) => {
    const recorded = readRecorded(theme)
    return scenarios.flatMap(({ name, steps }) =>
      steps.flatMap((step) => {
        const answer = recorded[name]?.[step.does]
        return isVerdict(step, answer) ? [{ at: `${name} / ${step.does}`, body: step.body, answer }] : []
      }),
    )
  })
  expect(tried.map(({ at, body }) => [at, ours(body)])).toEqual(tried.map(({ at, answer }) => [at, theirs(answer)]))
  const count = (code: number) => tried.filter(({ answer }) => answer.code === code).length
  expect([count(201) > 300, count(400) > 0, count(422) > 300]).toEqual([true, true, true])
})
