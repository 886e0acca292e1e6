import { SERVED } from '../../crds/kinds.ts'
import { isJsonObject, own, type JsonObject } from '../../crds/schema/types.ts'
import { Refused } from '../kernel/errors.ts'
import { answerJson } from './answer.ts'
import { readBody } from './body.ts'
import type { Call, Handler, Wish } from './ports.ts'

/** What somebody may ask about themselves: who they are, and what they may. */

const AUTHORIZATION = 'authorization.k8s.io'
const AUTHENTICATION = 'authentication.k8s.io'

const review = (group: string, kind: string) => ({
  kind,
  group,
  version: 'v1',
  plural: `${kind.toLowerCase()}s`,
  singular: kind.toLowerCase(),
  shortNames: [],
  categories: [],
  namespaced: false,
  verbs: ['create'],
  status: false,
})

const ACCESS = review(AUTHORIZATION, 'SelfSubjectAccessReview')
const RULES = review(AUTHORIZATION, 'SelfSubjectRulesReview')
const SELF = review(AUTHENTICATION, 'SelfSubjectReview')

export const REVIEWS = [SELF, ACCESS, RULES] as const

type Review = (typeof REVIEWS)[number]

async function specOf(call: Call, { kind, group }: Review): Promise<JsonObject> {
  const { value: body } = await readBody(call.request, ['application/json'])
  if (!isJsonObject(body) || body['kind'] !== kind || body['apiVersion'] !== `${group}/v1`)
    throw new Refused('BadRequest', `the body must be a ${group}/v1, Kind=${kind}`)
  return partOf(body, 'spec')
}

function partOf(object: JsonObject, name: string): JsonObject {
  const value = own(object, name)
  return isJsonObject(value) ? value : {}
}

function answered(call: Call, { kind, group }: Review, spec: object, status: object): void {
  answerJson(call.response, 201, { kind, apiVersion: `${group}/v1`, metadata: { creationTimestamp: null }, spec, status })
}

const whoAmI: Handler = async (call) => {
  await specOf(call, SELF)
  const { user, groups } = call.caller
  answerJson(call.response, 201, {
    kind: SELF.kind,
    apiVersion: `${SELF.group}/v1`,
    metadata: { creationTimestamp: null },
    status: { userInfo: { username: user, ...(groups.length === 0 ? {} : { groups }) } },
  })
}

const mayI: Handler = async (call) => {
  const spec = await specOf(call, ACCESS)
  const wish = wishIn(spec)
  const refused = await call.ports.authority.authorize(call.caller, wish)
  answered(call, ACCESS, spec, refused ? { allowed: false, reason: refused.message } : { allowed: true })
}

function wishIn(spec: JsonObject): Wish {
  const text = (part: string, name: string) => {
    const value = own(partOf(spec, part), name)
    return typeof value === 'string' ? value : ''
  }
  const nothing = { group: '', resource: '', subresource: null, namespace: null, name: null }
  if (isJsonObject(own(spec, 'nonResourceAttributes')))
    return { ...nothing, verb: text('nonResourceAttributes', 'verb'), path: text('nonResourceAttributes', 'path') }
  const of = (name: string) => text('resourceAttributes', name)
  return {
    verb: of('verb'),
    group: of('group'),
    resource: of('resource'),
    subresource: of('subresource') || null,
    namespace: of('namespace') || null,
    name: of('name') || null,
    path: '',
  }
}

const VERBS = ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'] as const

/** Asked kind by kind: there is no list of rules, and there are few kinds. */
const whatMayI: Handler = async (call) => {
  const spec = await specOf(call, RULES)
  const { namespace } = spec
  const resourceRules = await Promise.all(
    SERVED.map(async ({ group, plural, namespaced }) => {
      const place = namespaced && typeof namespace === 'string' ? namespace : null
      const wish = { group, resource: plural, subresource: null, namespace: place, name: null, path: '' }
      const refusals = await Promise.all(VERBS.map((verb) => call.ports.authority.authorize(call.caller, { ...wish, verb })))
      return { verbs: VERBS.filter((_, i) => refusals[i] === null), apiGroups: [group], resources: [plural] }
    }),
  )
  const allowed = resourceRules.filter(({ verbs }) => verbs.length > 0)
  answered(call, RULES, spec, { resourceRules: allowed, nonResourceRules: [], incomplete: false })
}

const pathOf = ({ group, plural }: Review): string => `/apis/${group}/v1/${plural}`

export const REVIEW_ROUTES: Readonly<Record<string, Readonly<Record<string, Handler>>>> = {
  [pathOf(SELF)]: { POST: whoAmI },
  [pathOf(ACCESS)]: { POST: mayI },
  [pathOf(RULES)]: { POST: whatMayI },
}
