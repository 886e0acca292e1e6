import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import { readDocuments } from '../../crds/documents.ts'
import { isJsonObject } from '../../crds/schema/types.ts'
import { messageOf, Misconfigured } from '../kernel/errors.ts'

/** Where the API server is and who we are there: from kubeconfigs as kubectl reads them, or from the pod this runs in. */

export type Environment = Readonly<Record<string, string | undefined>>

export interface Context {
  readonly name: string
  readonly server: string
  readonly namespace: string
  readonly user: string
  readonly cluster: ClusterEntry
  readonly login: UserEntry
}

export interface ClusterEntry {
  readonly ca: string | null
  readonly skipVerify: boolean
  readonly serverName: string | null
  readonly proxy: string | null
}

/** A kubeconfig's user. Paths are absolute. */
export interface UserEntry {
  readonly token: string | null
  readonly tokenFile: string | null
  readonly certificate: string | null
  readonly certificateFile: string | null
  readonly key: string | null
  readonly keyFile: string | null
  readonly basic: string | null
  readonly impersonate: Readonly<Record<string, string | string[]>>
  readonly exec: Readonly<Record<string, unknown>> | null
  readonly provider: Readonly<Record<string, unknown>> | null
}

/** What is the context of a pod, which has no kubeconfig. */
export const IN_CLUSTER = 'in-cluster'

const IN_POD = '/var/run/secrets/kubernetes.io/serviceaccount'

export interface Wanted {
  /** A path; null: KUBECONFIG, ~/.kube/config, or the pod this runs in. */
  readonly kubeconfig: string | null
  readonly context: string | null
  readonly environment: Environment
}

export function readContext({ kubeconfig, context, environment }: Wanted): Context {
  const files = kubeconfig === null ? usualFiles(environment) : [kubeconfig]
  if (files.length === 0) return inPod(environment)
  return contextOf(files.map(readConfigFile), files.join(delimiter), context)
}

function usualFiles(environment: Environment): string[] {
  const named = (environment['KUBECONFIG'] ?? '').split(delimiter).filter((path) => path !== '')
  // As with kubectl: of several files some may not be there.
  if (named.length > 1) return named.filter((path) => existsSync(path))
  if (named.length === 1) return named
  const usual = join(environment['HOME'] || homedir(), '.kube', 'config')
  return existsSync(usual) ? [usual] : []
}

function inPod(environment: Environment): Context {
  const host = environment['KUBERNETES_SERVICE_HOST']
  const port = environment['KUBERNETES_SERVICE_PORT'] || '443'
  if (!host || !existsSync(`${IN_POD}/token`))
    throw new Misconfigured('there is no kubeconfig: set KUBECONFIG, write ~/.kube/config, or run in a pod that has a service account')
  return {
    name: IN_CLUSTER,
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    namespace: readText(`${IN_POD}/namespace`, 'the namespace of this pod').trim() || 'default',
    user: 'in-cluster',
    cluster: {
      ca: readText(`${IN_POD}/ca.crt`, 'the certificate authority of this pod'),
      skipVerify: false,
      serverName: null,
      proxy: null,
    },
    login: { ...NOBODY, tokenFile: `${IN_POD}/token` },
  }
}

const NOBODY: UserEntry = {
  token: null,
  tokenFile: null,
  certificate: null,
  certificateFile: null,
  key: null,
  keyFile: null,
  basic: null,
  impersonate: {},
  exec: null,
  provider: null,
}

type Json = Readonly<Record<string, unknown>>

/** One entry of a kubeconfig, and the folder that its paths begin at. */
interface Entry {
  readonly value: Json
  readonly folder: string
}

interface ConfigFile {
  readonly current: string | null
  readonly entries: (list: 'clusters' | 'contexts' | 'users') => readonly (Entry & { readonly name: string })[]
}

function readConfigFile(path: string): ConfigFile {
  const { documents, problems } = readDocuments(readText(path, 'the kubeconfig'), path)
  const [problem] = problems
  if (problem) throw new Misconfigured(`the kubeconfig ${path}:${problem.line}:${problem.column}: ${problem.message}`)
  const object: Json = documents[0]?.object ?? {}
  const folder = dirname(resolve(path))
  return {
    current: textOf(object['current-context']),
    entries: (list) => {
      const singular = list.slice(0, -1)
      const given = Array.isArray(object[list]) ? object[list] : []
      return given.filter(isJsonObject).flatMap((each) => {
        const [name, value] = [textOf(each['name']), each[singular]]
        return name !== null && isJsonObject(value) ? [{ name, value, folder }] : []
      })
    },
  }
}

function contextOf(files: readonly ConfigFile[], source: string, wanted: string | null): Context {
  const name = wanted ?? files.map(({ current }) => current).find((current) => current !== null) ?? null
  if (name === null) throw new Misconfigured(`${source} has no current-context: name one`)
  const find = (list: 'clusters' | 'contexts' | 'users', sought: string | null): Entry => {
    const all = files.flatMap((file) => file.entries(list))
    const found = all.find((entry) => entry.name === sought)
    if (found) return found
    const names = all.length === 0 ? '' : `; it has ${all.map((entry) => entry.name).join(', ')}`
    throw new Misconfigured(`${source} has no ${list.slice(0, -1)} ${JSON.stringify(sought)}${names}`)
  }
  const context = find('contexts', name).value
  const cluster = find('clusters', textOf(context['cluster']))
  const user = textOf(context['user'])
  const server = textOf(cluster.value['server'])
  if (server === null || !URL.canParse(server))
    throw new Misconfigured(`${source}: the server of cluster ${JSON.stringify(context['cluster'])} is not a URL`)
  return {
    name,
    server: server.replace(/\/+$/, ''),
    namespace: textOf(context['namespace']) ?? 'default',
    user: user ?? '',
    cluster: clusterOf(cluster),
    login: user === null ? NOBODY : userOf(find('users', user)),
  }
}

const clusterOf = (entry: Entry): ClusterEntry => ({
  ca: inline(entry, 'certificate-authority-data') ?? contentOf(entry, 'certificate-authority'),
  skipVerify: entry.value['insecure-skip-tls-verify'] === true,
  serverName: textOf(entry.value['tls-server-name']),
  proxy: textOf(entry.value['proxy-url']),
})

function userOf(entry: Entry): UserEntry {
  const { value } = entry
  const [username, password] = [textOf(value['username']), textOf(value['password'])]
  const { exec, 'auth-provider': provider } = value
  return {
    token: textOf(value['token']),
    tokenFile: pathOf(entry, 'tokenFile'),
    certificate: inline(entry, 'client-certificate-data'),
    certificateFile: pathOf(entry, 'client-certificate'),
    key: inline(entry, 'client-key-data'),
    keyFile: pathOf(entry, 'client-key'),
    basic: username === null ? null : `${username}:${password ?? ''}`,
    impersonate: impersonation(value),
    exec: isJsonObject(exec) ? withPath(exec, entry.folder) : null,
    provider: isJsonObject(provider) ? provider : null,
  }
}

function impersonation(user: Json): Record<string, string | string[]> {
  const [as, uid, groups, extra] = [textOf(user['as']), textOf(user['as-uid']), user['as-groups'], user['as-user-extra']]
  if (as === null) {
    // Whoever wrote them means to be less than they are.
    const more = ['as-uid', 'as-groups', 'as-user-extra'].filter((name) => user[name] !== undefined)
    if (more.length > 0)
      throw new Misconfigured(`a user of the kubeconfig has ${more.join(', ')} and no "as": it says not whom to impersonate`)
    return {}
  }
  return {
    'impersonate-user': as,
    ...(uid === null ? {} : { 'impersonate-uid': uid }),
    ...(Array.isArray(groups) ? { 'impersonate-group': groups.map(String) } : {}),
    ...(isJsonObject(extra) ? extraHeaders(extra) : {}),
  }
}

const extraHeaders = (extra: Json): Record<string, string[]> =>
  Object.fromEntries(
    Object.entries(extra).map(([key, values]) => [
      `impersonate-extra-${inHeaderName(key)}`,
      (Array.isArray(values) ? values : [values]).map(String),
    ]),
  )

/** As client-go does: what may not stand in the name of a header, a percent sign too, is written as in an address. */
const inHeaderName = (key: string): string =>
  [...Buffer.from(key)]
    .map((byte) => {
      const character = String.fromCharCode(byte)
      return /[\w!#$&'*+.^`|~-]/.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
    })
    .join('')

/** A command that is a path begins at the folder of its kubeconfig; a mere name is looked for on the PATH. */
function withPath(exec: Json, folder: string): Json {
  const command = textOf(exec['command'])
  return command !== null && /[/\\]/.test(command) ? { ...exec, command: resolve(folder, command) } : exec
}

const textOf = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null)

function inline({ value }: Entry, field: string): string | null {
  const text = textOf(value[field])
  return text === null ? null : Buffer.from(text, 'base64').toString('utf8')
}

function pathOf({ value, folder }: Entry, field: string): string | null {
  const path = textOf(value[field])
  return path === null ? null : resolve(folder, path)
}

function contentOf(entry: Entry, field: string): string | null {
  const path = pathOf(entry, field)
  return path === null ? null : readText(path, `${field} of the kubeconfig`)
}

export function readText(path: string, what: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new Misconfigured(`${what} cannot be read: ${messageOf(error)}`)
  }
}
