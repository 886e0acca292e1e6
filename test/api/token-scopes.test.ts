import { expect, test } from 'vitest'
import { scopeAllows, SCOPES } from '../../controller/api/token-scopes.ts'
import { wishOf } from '../../controller/api/wish.ts'

/** Which scope a request needs at least; `-`: none has it. */

const OURS = '/apis/bothy.dev/v1alpha1'
const A = `${OURS}/namespaces/a`

const allows = (scope: string, namespaces: readonly string[], method: string, address: string, isUpgrade: boolean) => {
  const [path = '', query = ''] = address.split('?')
  return scopeAllows(scope, namespaces, wishOf(method, path, new URLSearchParams(query), isUpgrade))
}

/** Method, path, the least scope, and whether one that is kept to namespace a may too. `UPGRADE` is a GET that upgrades. */
const TABLE: readonly (readonly [string, string, string, boolean])[] = [
  ['GET', `${A}/workspaces`, 'read', true],
  ['GET', `${A}/workspaces?watch=1`, 'read', true],
  ['GET', `${A}/workspaces/dev/log`, 'read', true],
  ['GET', `${A}/workspaces/dev/ssh`, 'read', true],
  ['GET', `${OURS}/workspaces`, 'read', false],
  ['GET', `${OURS}/namespaces/b/workspaces`, 'read', false],
  ['GET', `${OURS}/owners`, 'read', false],
  ['GET', '/apis/events.k8s.io/v1/namespaces/a/events', 'read', true],
  ['GET', '/api/v1/namespaces', 'read', false],
  ['GET', '/api/v1/namespaces/a', 'read', true],
  ['GET', '/version', 'read', true],
  ['GET', '/apis', 'read', true],
  ['GET', '/openapi/v3', 'read', true],
  ['GET', '/bothy/v1/status', 'read', false],
  ['GET', '/metrics', 'read', false],
  ['POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', 'read', true],
  ['UPGRADE', `${A}/workspaces/dev/exec`, 'use', true],
  ['UPGRADE', `${OURS}/namespaces/b/workspaces/dev/exec`, 'use', false],
  ['GET', `${A}/workspaces/dev/files`, 'use', true],
  ['POST', `${A}/workspacerequests`, 'use', true],
  ['POST', `${A}/templates/t/preview`, 'use', true],
  ['POST', `${A}/workspaces`, 'workspaces', true],
  ['PATCH', `${A}/workspaces/dev`, 'workspaces', true],
  ['DELETE', `${A}/workspaces/dev`, 'workspaces', true],
  ['POST', `${A}/templates`, 'declare', true],
  ['PUT', `${OURS}/owners/ada`, 'declare', false],
  ['GET', '/api/v1/namespaces/a/secrets', 'declare', true],
  ['DELETE', '/api/v1/namespaces/a', 'declare', false],
  ['PATCH', `${A}/workspaces/dev/status`, '-', false],
  ['POST', '/apis/events.k8s.io/v1/namespaces/a/events', '-', false],
  ['POST', '/bothy/v1/tokens', '-', false],
  ['GET', '/bothy/v1/tokens', '-', false],
  ['POST', '/bothy/v1/tickets', '-', false],
  ['POST', '/bothy/v1/down', '-', false],
  ['POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', '-', false],
  ['GET', '/apiserver', '-', false],
]

test.each(TABLE)('%s %s needs the scope %s', (method, address, least, keptToo) => {
  const isUpgrade = method === 'UPGRADE'
  const verb = isUpgrade ? 'GET' : method
  const from = least === '-' ? SCOPES.length : SCOPES.findIndex((scope) => scope === least)
  expect(from).not.toBe(-1)
  SCOPES.forEach((scope, i) => {
    expect([scope, allows(scope, [], verb, address, isUpgrade)]).toEqual([scope, i >= from])
    expect([scope, allows(scope, ['a', 'c'], verb, address, isUpgrade)]).toEqual([scope, i >= from && keptToo])
  })
})

test('a scope of another version, or none at all, allows nothing', () => {
  for (const scope of ['', 'all', 'toString', '__proto__']) expect(allows(scope, [], 'GET', '/version', false)).toBe(false)
})
