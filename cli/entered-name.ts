import { usage } from './failure.ts'

/** Which agent of which workspace somebody means. */
export interface EnteredName {
  readonly namespace: string
  readonly workspace: string
  /** null: the only one it has. */
  readonly agent: string | null
}

const NAME = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/
const SUFFIX = '.bothy'
const NAMESPACE_MARK = 'ns'

/**
 * `dev` or `dev.main`, as commands take it; and as ssh does, with the agent in front: `dev.bothy`, `main.dev.bothy`, and
 * outside the default namespace `dev.team.ns.bothy`, `main.dev.team.ns.bothy`.
 */
export function enteredName(text: string, namespace: string): EnteredName {
  if (text.endsWith(SUFFIX)) return fromHost(text)
  const [workspace = '', agent = null, ...more] = text.split('.')
  if (more.length > 0 || ![workspace, agent ?? 'x'].every((part) => NAME.test(part)))
    throw usage(`"${text}" names no workspace`, 'write it as dev, or dev.main for its agent main')
  return { namespace, workspace, agent }
}

function fromHost(host: string): EnteredName {
  const parts = host.slice(0, -SUFFIX.length).split('.')
  const inNamespace = parts.length >= 3 && parts.at(-1) === NAMESPACE_MARK
  const namespace = inNamespace ? (parts.at(-2) ?? '') : 'default'
  const [workspace = '', agent = null, ...more] = (inNamespace ? parts.slice(0, -2) : parts).toReversed()
  if (more.length > 0 || ![namespace, workspace, agent ?? 'x'].every((part) => NAME.test(part)))
    throw usage(`"${host}" names no workspace`, 'write it as dev.bothy, main.dev.bothy or dev.team.ns.bothy')
  return { namespace, workspace, agent }
}

/** What ssh calls it. */
export const hostOf = ({ namespace, workspace, agent }: EnteredName): string =>
  [...(agent === null ? [] : [agent]), workspace, ...(namespace === 'default' ? [] : [namespace, NAMESPACE_MARK])].join('.') + SUFFIX

/** What commands call it. */
export const shownName = ({ workspace, agent }: EnteredName): string => (agent === null ? workspace : `${workspace}.${agent}`)
