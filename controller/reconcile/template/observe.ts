import { normaliseTemplate } from '../../../crds/files.ts'
import type { Template } from '../../../crds/types.ts'
import type { Resource } from '../../cluster/port.ts'
import { never, Stalled } from '../../kernel/errors.ts'
import { storedConditions } from '../../status/write.ts'
import type { VersionRow } from '../../store/records.ts'
import type { Objects, Ports } from '../ports.ts'
import { isWorkspace } from '../workspace/observe.ts'
import type { VariablesSeen } from '../variables.ts'
import { isTemplate } from '../workspace/template-seen.ts'
import { FINALIZER, type Seen, type Source } from './seen.ts'

const VERSIONS_MAX = 10
const NAMES_MAX = 10

export async function observe(ports: Ports, object: Resource): Promise<Seen> {
  if (!isTemplate(object)) throw new Error(`${object.kind} ${object.metadata.name} is no template`)
  const { store, objects } = ports
  const { uid } = object.metadata
  const source = sourceOf(object, ports.objects)
  const template = seenTemplate(object, await ports.variables.of(object))
  const wanted = template.pinned ?? (source.usable ? source.digest : null)
  // Before the versions: one that ends in between is then seen with what it learnt, and never queued a second time.
  const newestImport = wanted === null ? null : await store.newestImport(uid, wanted)
  const [recent, own, active, provisioners] = await Promise.all([
    store.versions(uid, VERSIONS_MAX),
    wanted === null ? null : store.version(uid, wanted),
    template.before.activeDigest === null ? null : store.version(uid, template.before.activeDigest),
    store.provisioners(),
  ])
  const versions = unique([...recent, ...(own ? [own] : []), ...(active ? [active] : [])])
  return {
    template,
    source,
    versions,
    newestImport,
    provisioners,
    controllerStartedAt: ports.startedAt,
    workspaces: usersOf(objects, object),
  }
}

function seenTemplate({ metadata, spec, status }: Resource & Template, { variables, problem, elsewhere }: VariablesSeen): Seen['template'] {
  const annotations = metadata.annotations ?? {}
  const asked = annotations['bothy.dev/reconcile']?.slice(0, 256)
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    uid: metadata.uid,
    deleting: metadata.deletionTimestamp !== undefined,
    hasFinalizer: metadata.finalizers?.includes(FINALIZER) ?? false,
    sourceError: annotations['bothy.dev/source-error'] ?? null,
    pinned: spec.version.policy === 'Pinned' ? (spec.version.digest ?? null) : null,
    labels: spec.provisioner.labels,
    variables,
    variablesProblem: problem,
    variablesElsewhere: elsewhere,
    lookAsked: status?.observedGeneration !== metadata.generation || (asked !== undefined && asked !== status.lastHandledReconcile),
    before: { activeDigest: status?.activeVersion?.digest ?? null, conditions: storedConditions(status) },
  }
}

function sourceOf({ metadata, spec }: Resource & Template, objects: Objects): Source {
  const { source } = spec
  switch (source.type) {
    case 'Inline':
      return given('inline', new Map(Object.entries(source.inline.files)))
    case 'Folder': {
      const digest = metadata.annotations?.['bothy.dev/source-digest']
      if (digest) return { usable: true, digest, origin: `folder ${source.folder.path}`, files: null }
      const message = `Nobody reads the folder ${source.folder.path}: bothy up does, beside a file that declares the template. Use Inline or ConfigMap here.`
      return { usable: false, reason: 'FolderUnavailable', message }
    }
    case 'ConfigMap':
      return configMap(objects, metadata.namespace ?? '', source.configMap.name)
    case 'Repository':
      return {
        usable: false,
        reason: 'UnsupportedSource',
        message: `Sources of type ${source.type} are not available yet: use Folder, ConfigMap or Inline.`,
      }
    default:
      return never(source)
  }
}

/** A key cannot have a slash: two underscores stand for one. */
const pathOfKey = (key: string): string => key.replaceAll('__', '/')

function configMap(objects: Objects, namespace: string, name: string): Source {
  const found = objects.get('ConfigMap', namespace, name)
  if (!found) return { usable: false, reason: 'SourceMissing', message: `There is no ConfigMap ${name} in namespace ${namespace}.` }
  const texts = entriesOf(found.data).map(([key, text]) => [pathOfKey(key), text] as const)
  const bytes = entriesOf(found.binaryData).map(([key, base64]) => [pathOfKey(key), Buffer.from(base64, 'base64')] as const)
  const files = new Map<string, string | Uint8Array>([...texts, ...bytes])
  if (files.size < texts.length + bytes.length)
    return { usable: false, reason: 'TemplateInvalid', message: `Two keys of ConfigMap ${name} stand for one path.` }
  return given(`configmap ${name}`, files)
}

const entriesOf = (data: unknown): [string, string][] =>
  typeof data === 'object' && data !== null ? Object.entries(data).map(([key, value]) => [key, String(value)]) : []

function given(origin: string, files: ReadonlyMap<string, string | Uint8Array>): Source {
  try {
    const normalised = normaliseTemplate(files)
    return { usable: true, digest: normalised.digest, origin, files: normalised.files }
  } catch (error) {
    if (!(error instanceof Stalled)) throw error
    return { usable: false, reason: error.reason, message: error.message }
  }
}

const unique = (rows: readonly VersionRow[]): VersionRow[] => [...new Map(rows.map((row) => [row.digest, row])).values()]

/** Counted from what workspaces say of themselves. */
function usersOf(objects: Objects, { metadata }: Resource): Seen['workspaces'] {
  const users = objects.by('Workspace', 'template', `${metadata.namespace ?? ''}/${metadata.name}`).filter(isWorkspace)
  const nameOf = (own: Resource['metadata']) => (own.namespace === metadata.namespace ? own.name : `${own.namespace ?? ''}/${own.name}`)
  return {
    total: users.length,
    running: users.filter(({ status }) => status?.state === 'Running').length,
    outdated: users.filter(({ status }) => status?.template?.outdated === true).length,
    names: users
      .map((user) => nameOf(user.metadata))
      .toSorted()
      .slice(0, NAMES_MAX),
  }
}
