import { problem } from '../schema/rules.ts'
import { Wrong } from '../session.ts'
import { derivedUuid, isBuild, textOf, textsOf, type DataHand } from './hand.ts'

/** What a build was given beside its parameters. */

/** A token that is missing is empty text here: whether the build may go on without it is judged before it is queued. */
const externalAuth: DataHand = {
  async read(filled, { host: { identity } }) {
    return { ...filled, access_token: identity.externalAuth?.get(textOf(filled, 'id')) ?? '' }
  },
}

const secret: DataHand = {
  async read(filled, { host: { identity } }) {
    const [kind, name] =
      textOf(filled, 'env') === '' ? (['file', textOf(filled, 'file')] as const) : (['env', textOf(filled, 'env')] as const)
    const value = identity.secrets?.get(`${kind}:${name}`) ?? ''
    if (value === '' && isBuild(identity) && identity.transition === 'start') {
      throw new Wrong(problem([kind], 'A secret is missing', `There is no secret for ${kind} "${name}". ${textOf(filled, 'help_message')}`))
    }
    return { ...filled, id: `${kind}:${name}`, value }
  },
}

const task: DataHand = {
  async read(_, { host: { identity } }) {
    const id = identity.task?.id ?? ''
    return {
      id: isTask(id) ? id : derivedUuid('no task', identity.workspace.id),
      prompt: identity.task?.prompt ?? '',
      enabled: isTask(id),
    }
  },
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const NIL = /^[0-]*$/

export const isTask = (id: string): boolean => UUID.test(id) && !NIL.test(id)

const workspaceTags: DataHand = {
  async read(filled, { host: { identity, reports } }) {
    reports.tags?.(textsOf(filled, 'tags'))
    return { ...filled, id: derivedUuid('tags', identity.workspace.id) }
  },
}

export const ASKED_HANDS: Readonly<Record<string, DataHand>> = {
  external_auth: externalAuth,
  secret,
  task,
  workspace_tags: workspaceTags,
}
