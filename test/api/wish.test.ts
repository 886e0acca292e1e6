import { expect, test } from 'vitest'
import { wishOf } from '../../controller/api/wish.ts'

/** What a request is judged by, beside what RBAC would be asked of the same request to an API server. */

const GROUP = '/apis/bothy.dev/v1alpha1'
const DEV = `${GROUP}/namespaces/a/workspaces/dev`

const said = (method: string, address: string, isUpgrade = false): string => {
  const [path = '', query = ''] = address.split('?')
  const { verb, group, resource, subresource, namespace, name, path: asked } = wishOf(method, path, new URLSearchParams(query), isUpgrade)
  expect(asked).toBe(path)
  return [verb, `${resource}${subresource === null ? '' : `/${subresource}`}${group === '' ? '' : `.${group}`}`, namespace, name].join(' ')
}

test.each([
  ['GET', `${GROUP}/workspaces`, 'list workspaces.bothy.dev  '],
  ['GET', `${GROUP}/namespaces/a/workspaces?watch=true`, 'watch workspaces.bothy.dev a '],
  ['GET', `${GROUP}/namespaces/a/workspaces?watch=1`, 'watch workspaces.bothy.dev a '],
  // Whatever is taken as a yes by whoever answers.
  ['GET', `${GROUP}/namespaces/a/workspaces?watch=yes`, 'watch workspaces.bothy.dev a '],
  ['GET', `${GROUP}/namespaces/a/workspaces?watch=false`, 'list workspaces.bothy.dev a '],
  ['GET', `${DEV}?watch=true`, 'get workspaces.bothy.dev a dev'],
  ['HEAD', DEV, 'get workspaces.bothy.dev a dev'],
  ['POST', `${GROUP}/namespaces/a/workspaces`, 'create workspaces.bothy.dev a '],
  ['PUT', DEV, 'update workspaces.bothy.dev a dev'],
  ['PATCH', `${DEV}/status`, 'patch workspaces/status.bothy.dev a dev'],
  ['DELETE', DEV, 'delete workspaces.bothy.dev a dev'],
  ['DELETE', `${GROUP}/namespaces/a/workspaces`, 'deletecollection workspaces.bothy.dev a '],
  ['GET', '/api/v1/namespaces/a', 'get namespaces a a'],
  ['DELETE', '/api/v1/namespaces/a', 'delete namespaces a a'],
  ['GET', '/api/v1/namespaces', 'list namespaces  '],
  ['POST', `${GROUP}/namespaces/a/templates/t/preview`, 'create templates/preview.bothy.dev a t'],
  ['GET', `${DEV}/log`, 'get workspaces/log.bothy.dev a dev'],
  ['GET', `${DEV}/ssh`, 'get workspaces/ssh.bothy.dev a dev'],
  ['GET', `${DEV}/files`, 'connect workspaces.bothy.dev a dev'],
  ['PUT', `${DEV}/files`, 'connect workspaces.bothy.dev a dev'],
  ['POST', `${DEV}/open`, 'connect workspaces.bothy.dev a dev'],
  // However the segments are written.
  ['PUT', `${GROUP}/namespaces/a/workspaces/dev/f%69les`, 'connect workspaces.bothy.dev a dev'],
  ['GET', '/version', 'get   '],
])('%s %s is: %s', (method, address, wish) => {
  expect(said(method, address)).toBe(wish)
})

test.each(['exec', 'ssh', 'terminal', 'port', 'anything'])('an upgrade to %s enters the workspace', (way) => {
  expect(said('GET', `${DEV}/${way}`, true)).toBe('connect workspaces.bothy.dev a dev')
})
