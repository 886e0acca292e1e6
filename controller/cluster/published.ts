import type { Clock } from '../kernel/clock.ts'
import { isRefused, messageOf, type Refused } from '../kernel/errors.ts'
import type { Log } from '../kernel/log.ts'
import type { KubernetesConnection } from './kubernetes-connection.ts'

/**
 * Where the control plane is, said in the cluster as `deploy/base/address.yaml` says it, by a controller that runs outside of it.
 * Of several, whoever reconciles says where it is, over what the one before said. What somebody declared there has no mark of
 * ours, and is theirs.
 */
export interface Published {
  /** From now on this one reconciles. */
  begin(): void
  end(): void
  /** Takes back what it said last, where nobody said another thing since. */
  close(): Promise<void>
}

export interface Publishing {
  readonly connection: Pick<KubernetesConnection, 'request'>
  readonly clock: Clock
  readonly log: Log
  readonly namespace: string
  readonly url: string
  /** Of this controller, and of no other that ever was. */
  readonly mark: string
}

const NAME = 'bothy'
/** Who said it, and what. With another url beside it somebody has declared it since: to apply a file takes no mark away. */
const MARK = 'bothy.dev/published-by'
const AGAIN_MS = 5000
/** What is waited for at the end, too. */
const ANSWER_MS = 2000

interface Address {
  readonly metadata: { readonly resourceVersion: string; readonly annotations?: Readonly<Record<string, string>> }
  readonly data?: { readonly url?: string }
}

const marked = ({ mark, url }: Publishing): string => `${mark} ${url}`
const isPublished = ({ metadata, data }: Address): boolean => metadata.annotations?.[MARK]?.endsWith(` ${data?.url}`) ?? false

export function createPublished(publishing: Publishing): Published {
  let over = new AbortController()
  let saying = Promise.resolve()
  const end = () => over.abort()
  return {
    begin() {
      over = new AbortController()
      saying = said(publishing, over.signal)
    },
    end,
    async close() {
      end()
      await saying
      await takenBack(publishing)
    },
  }
}

/** As often as it takes; who may not is told once what to do by hand. */
async function said(publishing: Publishing, over: AbortSignal): Promise<void> {
  const { clock, log, namespace, url } = publishing
  while (!over.aborted) {
    try {
      return await sayOnce({ ...publishing, over })
    } catch (error) {
      const byHand = `kubectl -n ${namespace} create configmap ${NAME} --from-literal=url=${url}`
      if (isRefused(error, 'Forbidden'))
        return log.info('it may not say in the cluster where it is: the command line needs --url', { error: messageOf(error), byHand })
      log.debug('where it is could not be said yet', { error: messageOf(error) })
      await clock.sleep(isRace(error) ? 0 : AGAIN_MS, over)
    }
  }
}

const isRace = (error: unknown): error is Refused => isRefused(error, 'Conflict', 'AlreadyExists')

async function sayOnce(publishing: Asking): Promise<void> {
  const { log, namespace, url } = publishing
  const found = await read(publishing)
  const annotations = { [MARK]: marked(publishing) }
  if (found === null) {
    await created(publishing, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: NAME, annotations }, data: { url } })
  } else if (!isPublished(found)) {
    if (found.data?.url !== url) log.info('the cluster has an address of the control plane already', { url: found.data?.url ?? null })
    return
  } else {
    // Whose it was has ended, or leads no more.
    const { resourceVersion } = found.metadata
    const body = { metadata: { resourceVersion, annotations }, data: { url, 'ca.crt': null } }
    await asked(publishing, { method: 'PATCH', path: pathOf(namespace), contentType: 'application/merge-patch+json', body })
  }
  log.info('the command line finds it by the cluster', { namespace, url })
}

/** In a namespace that is made where there is none. It stays: others may put something there meanwhile. */
async function created(publishing: Asking, body: object): Promise<void> {
  const { namespace } = publishing
  const create = () => asked(publishing, { method: 'POST', path: `/api/v1/namespaces/${namespace}/configmaps`, body })
  try {
    await create()
  } catch (error) {
    if (!isRefused(error, 'NotFound')) throw error
    const made = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }
    await asked(publishing, { method: 'POST', path: '/api/v1/namespaces', body: made })
    await create()
  }
}

async function takenBack(publishing: Publishing): Promise<void> {
  const { log, namespace } = publishing
  try {
    const found = await read(publishing)
    if (found === null || !isPublished(found) || found.metadata.annotations?.[MARK] !== marked(publishing)) return
    const { resourceVersion } = found.metadata
    await asked(publishing, { method: 'DELETE', path: pathOf(namespace), body: { preconditions: { resourceVersion } } })
  } catch (error) {
    log.debug('where it was is still said in the cluster', { error: messageOf(error) })
  }
}

async function read(publishing: Asking): Promise<Address | null> {
  try {
    return (await asked<Address>(publishing, { method: 'GET', path: pathOf(publishing.namespace) })).body
  } catch (error) {
    if (isRefused(error, 'NotFound')) return null
    throw error
  }
}

const pathOf = (namespace: string): string => `/api/v1/namespaces/${namespace}/configmaps/${NAME}`

interface Asking extends Publishing {
  /** Of the term; absent: it is over, and what is asked is the end of it. */
  readonly over?: AbortSignal
}

const asked = <T>({ connection, over }: Asking, call: Parameters<KubernetesConnection['request']>[0]) =>
  connection.request<T>({ ...call, timeoutMs: ANSWER_MS, ...(over ? { signal: over } : {}) })
