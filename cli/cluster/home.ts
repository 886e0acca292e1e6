import { resolve } from 'node:path'
import type { Clock } from '../../controller/kernel/clock.ts'
import { connectKubernetes } from '../../controller/cluster/kubernetes-connection.ts'
import { planeClient, type Client } from '../client.ts'
import type { Given } from '../endpoint.ts'
import type { Environment } from '../environment.ts'
import type { Home } from '../home.ts'
import { programVersion } from '../package.ts'
import { createController } from './controller.ts'
import { objectsClient } from './objects-client.ts'
import { createWho } from './who.ts'

/**
 * A cluster as a home: what is declared is asked of its API server, as whoever the kubeconfig says; everything else of our
 * controller, which takes only short-lived tokens that were made for it.
 */
export async function clusterHome(environment: Environment, given: Given, clock: Clock): Promise<Home> {
  const { kubeconfig, context } = given
  const connection = await connectKubernetes({
    kubeconfig,
    context,
    environment: environment.forChildren({}),
    clock,
    userAgent: `bothy-cli/${programVersion()}`,
  })
  const who = createWho(connection)
  const objects = objectsClient(connection)
  const plane = planeClient(environment, createController({ connection, environment, given, clock, who }))
  const ofObjects = (path: string): Pick<Client, 'request' | 'lines'> => (isOfObjects(path) ? objects : plane)
  const client: Client = {
    cluster: { url: connection.server, context: connection.context, version: () => objects.request('GET', '/version') },
    endpoint: plane.endpoint,
    user: async () => (await who()).name,
    request: (method, path, call) => ofObjects(path).request(method, path, call),
    lines: (path, call) => ofObjects(path).lines(path, call),
  }
  return { namespace: connection.namespace, flags: flagsOf(environment, given, connection.context), client: () => client }
}

/** With whole paths: ssh starts programs from elsewhere. */
function flagsOf(environment: Environment, given: Given, context: string): string[] {
  const kubeconfig = given.kubeconfig === null ? environment.kubeconfig : resolve(given.kubeconfig)
  const flags = { '--context': context, '--kubeconfig': kubeconfig, '--url': given.url, '--service-account': given.serviceAccount }
  return Object.entries(flags).flatMap(([flag, value]) => (value === null ? [] : [flag, value]))
}

/** Objects and their status. What else is asked beneath an object of ours only our controller knows. */
const OURS = /^\/apis\/bothy\.dev\/v1alpha1(?:\/namespaces\/[^/]+)?\/(?!namespaces\/)[^/]+(?:\/[^/]+(?:\/status)?)?$/
const OTHERS = /^\/(?:api\/|apis\/(?!bothy\.dev\/))/

const isOfObjects = (path: string): boolean => OURS.test(path) || OTHERS.test(path)
