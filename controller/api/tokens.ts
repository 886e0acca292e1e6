import { isJsonObject, own } from '../../crds/schema/types.ts'
import { toIso, type Instant } from '../kernel/clock.ts'
import { Refused } from '../kernel/errors.ts'
import { audit } from '../store/audit.ts'
import type { Token, Tokens } from '../store/tokens.ts'
import { answerJson } from './answer.ts'
import { expectMediaType, readJson } from './body.ts'
import type { Call, Handler } from './ports.ts'
import { isScope, SCOPES } from './token-scopes.ts'

/** Tokens that were made for a purpose: made, shown without their text, and revoked, by the owner of a standalone alone. */

export const TOKENS_PATH = '/bothy/v1/tokens'

const NAME = /^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/
const NAMESPACES_MAX = 32
const DAY_SECONDS = 86_400
const SECONDS_MAX = 3650 * DAY_SECONDS

function tokensOf({ ports, caller }: Call): Tokens {
  if (!ports.tokens) throw new Refused('NotFound', 'tokens of this control plane are those of its cluster: kubectl create token makes them')
  // What is made with a token would outlive it.
  if (caller.token !== null) throw new Refused('Forbidden', 'a token that was made for a purpose makes, lists and revokes no others')
  return ports.tokens
}

const shown = (token: Token) => ({
  name: token.name,
  scope: token.scope,
  namespaces: token.namespaces,
  createdAt: toIso(token.createdAt),
  createdBy: token.createdBy,
  expiresAt: token.expiresAt === null ? null : toIso(token.expiresAt),
  usedAt: token.usedAt === null ? null : toIso(token.usedAt),
})

const listTokens: Handler = async (call) => {
  answerJson(call.response, 200, { items: tokensOf(call).list().map(shown) })
}

const createToken: Handler = async (call) => {
  const tokens = tokensOf(call)
  expectMediaType(call.request, 'application/json')
  const wish = wishIn(await readJson(call.request), call.ports.clock.now())
  const { token, text } = await tokens.create({ ...wish, createdBy: call.caller.user })
  const { name, scope, namespaces } = token
  await noted(call, 'token-create', name, { scope, namespaces: namespaces.join(','), expiresAt: shown(token).expiresAt })
  answerJson(call.response, 201, { ...shown(token), token: text })
}

const revokeToken: Handler = async (call) => {
  const name = call.query.get('name') ?? ''
  const token = await tokensOf(call).revoke(name)
  if (!token) throw new Refused('NotFound', `there is no token called ${JSON.stringify(name)}`, { name, kind: 'tokens' })
  await noted(call, 'token-revoke', name, { scope: token.scope })
  answerJson(call.response, 200, shown(token))
}

const noted = ({ ports, caller, request }: Call, action: string, name: string, detail: Readonly<Record<string, string | null>>) =>
  audit(ports.db, { actor: caller.user, action, subject: `Token//${name}`, origin: request.socket.remoteAddress ?? '', detail })

function wishIn(body: unknown, now: Instant): Pick<Token, 'name' | 'scope' | 'namespaces' | 'expiresAt'> {
  if (!isJsonObject(body)) throw wrong('the body must be a JSON object: {"name": …, "scope": …}')
  const [name, scope, namespaces, seconds] = ['name', 'scope', 'namespaces', 'expiresInSeconds'].map((field) => own(body, field) ?? null)
  if (typeof name !== 'string' || !NAME.test(name))
    throw wrong('name must be of at most 63 small letters, digits, dots and hyphens, with a letter or digit at both ends')
  if (typeof scope !== 'string' || !isScope(scope)) throw wrong(`scope must be one of ${SCOPES.join(', ')}`)
  const areNames = Array.isArray(namespaces) && namespaces.length <= NAMESPACES_MAX && namespaces.every(isName)
  if (namespaces !== null && !areNames) throw wrong(`namespaces must be a list of at most ${NAMESPACES_MAX} names`)
  // Nobody gets one without an end because a field was mistyped: null says it.
  if (!Object.hasOwn(body, 'expiresInSeconds')) throw wrong('expiresInSeconds is missing: a number, or null for until it is revoked')
  if (seconds !== null && !(typeof seconds === 'number' && Number.isInteger(seconds) && seconds > 0 && seconds <= SECONDS_MAX))
    throw wrong(`expiresInSeconds must be a whole number up to ${SECONDS_MAX}, or null`)
  return { name, scope, namespaces: areNames ? namespaces : [], expiresAt: seconds === null ? null : now + seconds * 1000 }
}

const wrong = (what: string): Refused => new Refused('BadRequest', what)
const isName = (value: unknown): value is string => typeof value === 'string' && NAME.test(value)

export const TOKEN_ROUTES = { [TOKENS_PATH]: { GET: listTokens, POST: createToken, DELETE: revokeToken } }
