import { Refused } from '../kernel/errors.ts'
import { answerJson } from './answer.ts'
import { buildAsked, numberAsked } from './log-stream.ts'
import type { ResourceHandler } from './ports.ts'
import { existing } from './resources.ts'

/** Where the time of a build went: its stages in order, and the resources that took longest. */
export const timings: ResourceHandler = async (call, target) => {
  const number = numberAsked(call.query)
  const { uid, name } = (await existing(call, target)).metadata
  const build = await buildAsked(call, uid, number)
  if (!build) throw new Refused('NotFound', `workspace "${name}" has ${number === null ? 'no build yet' : `no build ${number}`}`)
  const { stages = {}, timings: resources = [] } = build.result ?? {}
  answerJson(call.response, 200, {
    build: build.number,
    transition: build.transition,
    phase: build.phase,
    waitedMs: build.startedAt === null ? null : build.startedAt - build.queuedAt,
    stages: Object.entries(stages).map(([stage, ms]) => ({ stage, ms })),
    resources,
  })
}
