import { createHash, timingSafeEqual } from 'node:crypto'
import { Refused } from '../kernel/errors.ts'
import { TOKEN_BEGINS, type Tokens } from '../store/tokens.ts'
import type { Authority, Wish } from './ports.ts'
import { notReady } from './system.ts'
import { scopeAllows } from './token-scopes.ts'

/**
 * Without a cluster: whoever has the token of the state folder is its owner, and may everything. Others have a token that was
 * made for a purpose, and may what its scope says.
 */
export interface OwnAuthority extends Authority {
  /** Until there is a database only the owner is known. */
  open(tokens: Tokens): void
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

/** Who acts with it is told apart from people, whatever name it was given. */
export const userOfToken = (name: string): string => `token:${name}`

export function ownAuthority({ token, user }: { readonly token: string; readonly user: string }): OwnAuthority {
  const own = digest(token)
  const listeners = new Set<() => void>()
  let tokens: Tokens | null = null
  return {
    async authenticate(bearer) {
      // Compared in constant time, whatever was sent.
      if (timingSafeEqual(digest(bearer), own)) return { user, groups: [], session: null, token: null }
      if (!bearer.startsWith(TOKEN_BEGINS)) return null
      if (!tokens) throw notReady()
      const shown = tokens.shown(bearer)
      return shown && { user: userOfToken(shown.name), groups: [], session: null, token: shown.id }
    },
    async authorize(caller, wish) {
      if (caller.token === null) return null
      const held = tokens?.withId(caller.token)
      if (!held) return new Refused('Unauthorized', 'the token is over: it was revoked, or came to its end')
      return scopeAllows(held.scope, held.namespaces, wish) ? null : forbidden(caller.user, held.scope, held.namespaces, wish)
    },
    onChanged(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    open(opened) {
      tokens = opened
      opened.onEnded(() => {
        for (const listener of listeners) listener()
      })
    },
  }
}

/** In the words of an API server, and what the token is for. */
function forbidden(user: string, scope: string, namespaces: readonly string[], wish: Wish): Refused {
  const { verb, group, resource, subresource, namespace, name, path } = wish
  const where = namespaces.length === 0 ? '' : ` in ${namespaces.join(', ')}`
  const why = `a token of scope ${JSON.stringify(scope)}${where} may not`
  if (resource === '')
    return new Refused('Forbidden', `forbidden: User ${JSON.stringify(user)} cannot ${verb} path ${JSON.stringify(path)}: ${why}`)
  const what = `${resource}${group === '' ? '' : `.${group}`}${name === null ? '' : ` ${JSON.stringify(name)}`}`
  const part = subresource === null ? resource : `${resource}/${subresource}`
  const place = namespace === null ? 'at the cluster scope' : `in the namespace ${JSON.stringify(namespace)}`
  return new Refused(
    'Forbidden',
    `${what} is forbidden: User ${JSON.stringify(user)} cannot ${verb} resource ${JSON.stringify(part)} in API group ${JSON.stringify(group)} ${place}: ${why}`,
    { ...(name === null ? {} : { name }), group, kind: resource },
  )
}
