import { randomUUID } from 'node:crypto'
import { itemsOf, problem } from '../schema/rules.ts'
import { Wrong } from '../session.ts'
import { isUnknown, UNKNOWN, type ObjectValue, type Value } from '../wire/values.ts'
import { isTask } from './asked.ts'
import { NO_SECRET, textOf, type ResourceHand } from './hand.ts'

/** Which app shows the work: `app_id`, or what the older block says. */
function appOf(planned: ObjectValue): Value {
  if (textOf(planned, 'app_id') !== '') return planned['app_id'] ?? null
  return itemsOf(planned, 'sidebar_app')[0]?.['id'] ?? (isUnknown(planned['app_id']) ? UNKNOWN : null)
}

export const aiTask: ResourceHand = {
  plan: (planned, before) => (before ? planned : { ...planned, app_id: appOf(planned) }),
  async create(planned, { host: { identity } }) {
    const app = appOf(planned)
    if (typeof app !== 'string' || app === '') throw new Wrong(problem(['app_id'], 'A task without an app', '"app_id" must be given.'))
    const task = identity.task && isTask(identity.task.id) ? identity.task : null
    const state = {
      ...planned,
      id: task?.id ?? randomUUID(),
      app_id: app,
      enabled: task !== null,
      prompt: identity.task?.prompt || null,
    }
    return { state, secret: NO_SECRET }
  },
}
