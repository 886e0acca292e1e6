import { randomUUID } from 'node:crypto'
import { initScript } from '../init-script.ts'
import type { AgentSeen } from '../port.ts'
import { unlessStopping, type Session } from '../session.ts'
import { isUnknown, UNKNOWN, type ObjectValue, type Value } from '../wire/values.ts'
import { numberOf, textOf, textsOf, type Kept, type ResourceHand } from './hand.ts'

/** A uuid like the id, so it fits wherever a template puts it. */
const newToken = () => randomUUID()

const secretOf = (token: string): Uint8Array => Buffer.from(JSON.stringify({ token }))

/** The token in the private part is the one that counts: a template's expressions and hands cannot change it there. */
function tokenOf({ state, secret }: Kept): string {
  if (secret.byteLength === 0) return textOf(state, 'token')
  const parsed: unknown = JSON.parse(Buffer.from(secret).toString())
  const token = typeof parsed === 'object' && parsed !== null && 'token' in parsed ? parsed.token : null
  return typeof token === 'string' ? token : textOf(state, 'token')
}

const seen = (state: ObjectValue, token: string): AgentSeen => ({
  id: textOf(state, 'id'),
  token,
  os: textOf(state, 'os'),
  arch: textOf(state, 'arch'),
  dir: textOf(state, 'dir'),
  env: textsOf(state, 'env'),
  startupScript: textOf(state, 'startup_script'),
  shutdownScript: textOf(state, 'shutdown_script'),
  startupScriptBehavior: textOf(state, 'startup_script_behavior'),
  connectionTimeoutSeconds: numberOf(state, 'connection_timeout'),
})

function scriptOf(state: ObjectValue, { accessUrl, host: { identity } }: Session): Value {
  if ([state['id'], state['os'], state['arch'], state['auth']].some(isUnknown)) return UNKNOWN
  const [os, arch] = [textOf(state, 'os'), textOf(state, 'arch')]
  const given = identity.agentScripts?.get(`${os}_${arch}`)
  if (!given) return initScript({ agentId: textOf(state, 'id'), os, arch, accessUrl })
  return given
    .replaceAll('${ACCESS_URL}', () => URL.parse('/', accessUrl)?.href ?? accessUrl)
    .replaceAll('${AUTH_TYPE}', () => textOf(state, 'auth'))
}

/** An agent is a name and a secret; the host is told both whenever it is made or read, and connects the rest. */
export const agent: ResourceHand = {
  plan: (planned, before, session) => (before ? { ...planned, init_script: scriptOf(planned, session) } : planned),
  async create(planned, session) {
    const id = randomUUID()
    const token = session.host.identity.runningAgentTokens?.get(id) || newToken()
    const made = { ...planned, id, token }
    const state = { ...made, init_script: scriptOf(made, session) }
    await unlessStopping(session, () => session.host.reports.agent(seen(state, token)))
    return { state, secret: secretOf(token) }
  },
  async read(kept, session) {
    const token = session.host.identity.runningAgentTokens?.get(textOf(kept.state, 'id')) || tokenOf(kept)
    await unlessStopping(session, () => session.host.reports.agent(seen(kept.state, token)))
    return { state: { ...kept.state, token }, secret: secretOf(token) }
  },
  async update(planned, before, session) {
    const token = tokenOf(before)
    const state = { ...planned, token, init_script: scriptOf(planned, session) }
    await unlessStopping(session, () => session.host.reports.agent(seen(state, token)))
    return { state, secret: secretOf(token) }
  },
}
