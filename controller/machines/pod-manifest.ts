import { fetchScript } from '../../provider/init-script.ts'
import type { PodWanted } from '../../provider/machine-ports.ts'
import { sha256 } from '../kernel/names.ts'
import { BESIDE, LABEL, TOKEN } from './container-spec.ts'
import type { PodPlace } from './pod-place.ts'
import { machineName } from './record.ts'

/** What Kubernetes is asked for, from what a template wants: a pod, its token, its volumes. Pure. */

export interface KubeObject {
  readonly apiVersion: string
  readonly kind: 'Pod' | 'Secret' | 'PersistentVolumeClaim'
  readonly metadata: {
    readonly name: string
    readonly namespace: string
    readonly uid?: string
    readonly deletionTimestamp?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly spec?: Readonly<Record<string, unknown>>
  readonly status?: Readonly<Record<string, unknown>>
  readonly [field: string]: unknown
}

export interface PodNaming {
  readonly workspace: { readonly uid: string; readonly name: string; readonly owner: string }
  readonly buildId: string
}

const PROGRAM = '/opt/bothy'
/** Where our image has the program. */
const PROGRAM_SOURCE = '/bothy-agent'
const BESIDE_TOKEN = TOKEN.slice(0, TOKEN.lastIndexOf('/'))
const AUTHORITY_KEY = 'ca.crt'
const AUTHORITY = `${BESIDE_TOKEN}/${AUTHORITY_KEY}`
const STOP_S = 30
export const MAIN = 'main'

/** The keys of labels and annotations that a template gave: others may add their own. */
const GIVEN = { labels: 'bothy.dev/given-labels', annotations: 'bothy.dev/given-annotations' } as const

export const podName = ({ workspace }: PodNaming, name: string): string => machineName(workspace.uid, name)
export const secretName = (naming: PodNaming, name: string): string => `${podName(naming, name)}-token`
/** By where it is mounted, so that adding one before it changes nothing. */
export const claimName = (naming: PodNaming, name: string, mount: string): string => `${podName(naming, name)}-${sha256(mount).slice(0, 8)}`

/** Everything a running pod cannot take over. */
export function inputsOf(wanted: PodWanted, { url, authority }: PodPlace): string {
  const { labels: _labels, annotations: _annotations, wait: _wait, ...rest } = wanted
  const trusted = authority === null ? {} : { authority }
  return sha256(JSON.stringify({ ...rest, env: sorted(wanted.env), nodeSelector: sorted(wanted.nodeSelector), url, ...trusted }))
}

const sorted = (map: Readonly<Record<string, string>>) => Object.entries(map).toSorted(([a], [b]) => (a < b ? -1 : 1))

const labelsOf = ({ workspace, buildId }: PodNaming, name: string): Record<string, string> => ({
  [LABEL.workspace]: workspace.uid,
  [LABEL.build]: buildId,
  [LABEL.machine]: name,
})

/** Names of people are no values of labels. */
const annotationsOf = ({ workspace }: PodNaming): Record<string, string> => ({
  [LABEL.owner]: workspace.owner,
  [LABEL.workspaceName]: workspace.name,
})

const metadataOf = (naming: PodNaming, machine: string, name: string, namespace: string) => ({
  name,
  namespace,
  labels: labelsOf(naming, machine),
  annotations: annotationsOf(naming),
})

export interface Mounted {
  readonly token: string
  readonly authority: string | null
}

export const secretOf = (wanted: PodWanted, naming: PodNaming, namespace: string, { token, authority }: Mounted): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: metadataOf(naming, wanted.name, secretName(naming, wanted.name), namespace),
  type: 'Opaque',
  data: { token: base64(`${token}\n`), ...(authority === null ? {} : { [AUTHORITY_KEY]: base64(authority) }) },
})

const base64 = (text: string): string => Buffer.from(text).toString('base64')

/** The volumes that stay when the workspace stops. The others are part of the pod. */
export const claimsOf = (wanted: PodWanted, naming: PodNaming, namespace: string): readonly KubeObject[] =>
  wanted.storage
    .filter(({ ephemeral }) => !ephemeral)
    .map((storage) => ({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: metadataOf(naming, wanted.name, claimName(naming, wanted.name, storage.mount), namespace),
      spec: claimSpec(storage),
    }))

const claimSpec = ({ size, storageClass }: PodWanted['storage'][number]) => ({
  accessModes: ['ReadWriteOnce'],
  resources: { requests: { storage: size } },
  ...(storageClass === null ? {} : { storageClassName: storageClass }),
})

export function podOf(wanted: PodWanted, naming: PodNaming, namespace: string, place: PodPlace): KubeObject {
  const name = podName(naming, wanted.name)
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace,
      labels: { ...wanted.labels, ...labelsOf(naming, wanted.name) },
      annotations: {
        ...wanted.annotations,
        ...annotationsOf(naming),
        [LABEL.inputs]: inputsOf(wanted, place),
        [GIVEN.labels]: JSON.stringify(Object.keys(wanted.labels).toSorted()),
        [GIVEN.annotations]: JSON.stringify(Object.keys(wanted.annotations).toSorted()),
      },
    },
    spec: {
      restartPolicy: 'Always',
      terminationGracePeriodSeconds: STOP_S,
      enableServiceLinks: false,
      automountServiceAccountToken: wanted.serviceAccount !== null,
      ...(wanted.serviceAccount === null ? {} : { serviceAccountName: wanted.serviceAccount }),
      ...(Object.keys(wanted.nodeSelector).length === 0 ? {} : { nodeSelector: wanted.nodeSelector }),
      ...(wanted.tolerations.length === 0 ? {} : { tolerations: wanted.tolerations.map(tolerationOf) }),
      ...(place.pullSecrets.length === 0 ? {} : { imagePullSecrets: place.pullSecrets.map((name) => ({ name })) }),
      securityContext: podSecurity(wanted.security),
      initContainers: [programContainer(wanted, place)],
      containers: [mainContainer(wanted, naming, place)],
      volumes: volumesOf(wanted, naming),
    },
  }
}

const defined = (values: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null && value !== undefined))

const tolerationOf = ({ key, operator, value, effect, seconds }: PodWanted['tolerations'][number]) =>
  defined({ key, operator, value, effect, tolerationSeconds: seconds })

const podSecurity = (security: PodWanted['security']) => ({
  ...defined({ runAsUser: security.runAsUser, runAsGroup: security.runAsGroup, fsGroup: security.fsGroup }),
  runAsNonRoot: security.runAsNonRoot,
  seccompProfile: { type: security.seccomp },
})

const containerSecurity = (security: PodWanted['security']) => ({
  allowPrivilegeEscalation: security.privileged || security.allowPrivilegeEscalation,
  ...(security.privileged ? { privileged: true } : {}),
  readOnlyRootFilesystem: security.readOnlyRoot,
  capabilities: { drop: ['ALL'], ...(security.addCapabilities.length > 0 ? { add: security.addCapabilities } : {}) },
})

/** Of a container that failed without a message the end of its log is one. */
const LAST_WORDS = 'FallbackToLogsOnError'

/** Brings the program; as whoever the pod runs as, with little of everything. */
const programContainer = ({ image, security }: PodWanted, { programImage, url, authority }: PodPlace) => ({
  name: 'bothy-program',
  ...(programImage === null
    ? { image, command: ['/bin/sh', '-c', fetchScript(PROGRAM)], env: fetchEnvironment(url, authority) }
    : { image: programImage, command: ['/bin/sh', '-c', `cp -R ${PROGRAM_SOURCE}/. ${PROGRAM}/`] }),
  securityContext: {
    ...containerSecurity({ ...security, privileged: false, allowPrivilegeEscalation: false, addCapabilities: [] }),
    readOnlyRootFilesystem: true,
  },
  terminationMessagePolicy: LAST_WORDS,
  resources: { requests: { cpu: '100m', memory: '64Mi' }, limits: { memory: '256Mi' } },
  volumeMounts: [
    { name: 'bothy-program', mountPath: PROGRAM },
    // Of what is beside the token, nothing else.
    ...(programImage === null && authority !== null
      ? [{ name: 'bothy-token', mountPath: AUTHORITY, subPath: AUTHORITY_KEY, readOnly: true }]
      : []),
  ],
})

/** By the names that curl knows, and the script for wget. */
const fetchEnvironment = (url: string, authority: string | null) => [
  { name: 'BOTHY_URL', value: url },
  ...(authority === null ? [] : ['CURL_CA_BUNDLE', 'SSL_CERT_FILE'].map((name) => ({ name, value: AUTHORITY }))),
]

function mainContainer(wanted: PodWanted, { workspace }: PodNaming, place: PodPlace) {
  const beside = [...wanted.command, ...wanted.args]
  const environment: Readonly<Record<string, string>> = {
    // A template that names a file of its image has one with everybody in it whom its programs trust.
    ...(place.authority === null ? {} : { NODE_EXTRA_CA_CERTS: AUTHORITY }),
    ...wanted.env,
    BOTHY_AGENT_ID: wanted.agentId,
    BOTHY_AGENT_TOKEN_FILE: TOKEN,
    BOTHY_URL: place.url,
    BOTHY_MACHINE: `pod/${machineName(workspace.uid, wanted.name)}`,
    BOTHY_WORKSPACE_NAME: workspace.name,
    BOTHY_WORKSPACE_OWNER: workspace.owner,
    CODER_WORKSPACE_NAME: workspace.name,
    CODER_WORKSPACE_OWNER: workspace.owner,
    CODER_WORKSPACE_OWNER_NAME: workspace.owner,
  }
  return {
    name: MAIN,
    image: wanted.image,
    command: beside.length === 0 ? [`${PROGRAM}/bothy-agent`] : ['/bin/sh', '-c', BESIDE, 'bothy', ...beside],
    env: Object.entries(environment).map(([name, value]) => ({ name, value })),
    terminationMessagePolicy: LAST_WORDS,
    resources: { requests: defined({ ...wanted.requests }), limits: defined({ ...wanted.limits }) },
    securityContext: containerSecurity(wanted.security),
    volumeMounts: [
      { name: 'bothy-program', mountPath: PROGRAM, readOnly: true },
      { name: 'bothy-token', mountPath: BESIDE_TOKEN, readOnly: true },
      ...wanted.storage.map(({ mount }) => ({ name: volumeOf(mount), mountPath: mount })),
    ],
  }
}

const volumeOf = (mount: string): string => `storage-${sha256(mount).slice(0, 8)}`

/** Whoever the pod runs as reads the token; nobody else is in the pod. */
const READ_BY_ALL = 0o444

const volumesOf = (wanted: PodWanted, naming: PodNaming): readonly object[] => [
  { name: 'bothy-program', emptyDir: { sizeLimit: '512Mi' } },
  { name: 'bothy-token', secret: { secretName: secretName(naming, wanted.name), defaultMode: READ_BY_ALL } },
  ...wanted.storage.map((storage) => ({
    name: volumeOf(storage.mount),
    ...(!storage.ephemeral
      ? { persistentVolumeClaim: { claimName: claimName(naming, wanted.name, storage.mount) } }
      : storage.storageClass === null
        ? { emptyDir: { sizeLimit: storage.size } }
        : { ephemeral: { volumeClaimTemplate: { spec: claimSpec(storage) } } }),
  })),
]

/** What a template gave and is still there, as it is now. */
export function givenIn(pod: KubeObject, what: 'labels' | 'annotations'): Readonly<Record<string, string>> {
  const now = pod.metadata[what] ?? {}
  const keys = keysIn(pod.metadata.annotations?.[GIVEN[what]])
  return Object.fromEntries(keys.flatMap((key) => (now[key] === undefined ? [] : [[key, now[key]]])))
}

function keysIn(text: string | undefined): readonly string[] {
  try {
    const keys: unknown = JSON.parse(text ?? '[]')
    return Array.isArray(keys) ? keys.filter((key) => typeof key === 'string') : []
  } catch {
    return []
  }
}
