import { isJsonObject, type JsonObject } from '../../crds/schema/types.ts'
import type { Resource } from '../cluster/port.ts'
import { Refused } from '../kernel/errors.ts'
import { queuePreview, requestCancel } from '../store/queue-jobs.ts'
import { jobById, newestImportOf } from '../store/read-jobs.ts'
import { forgetPreview, previewsInFlight } from '../store/previews.ts'
import type { BuildInput, Job } from '../store/records.ts'
import { versionOf } from '../store/versions.ts'
import { answerJson } from './answer.ts'
import { readJson } from './body.ts'
import type { Call, ResourceHandler } from './ports.ts'
import { existing } from './resources.ts'

/**
 * What a template would ask with these answers: `POST …/templates/NAME/preview` with `{parameters, preset?, digest?}`. A job like any
 * other, of a person's class, because terraform runs nowhere but in a provisioner; whoever asked waits for it.
 */

const IN_FLIGHT_MAX = 8
const WAIT_MS_MAX = 15_000
const LOOK_MS = 20
const PARAMETERS_MAX = 200
const VALUE_LENGTH_MAX = 8192

export const preview: ResourceHandler = async (call, target) => {
  const { db } = call.ports
  const template = await existing(call, target)
  const asked = askedOf(await readJson(call.request))
  const { uid } = template.metadata
  const digest = asked.digest ?? activeDigest(template)
  if (digest === null) throw new Refused('Conflict', `template ${target.name ?? ''} has no version that was imported yet`)
  const version = await versionOf(db, uid, digest)
  if (!version?.importedAt) throw new Refused('NotFound', `version ${digest} of template ${target.name ?? ''} is not imported`)
  if ((await previewsInFlight(db, uid)) >= IN_FLIGHT_MAX)
    throw new Refused('TooManyRequests', `${IN_FLIGHT_MAX} previews of this template are being worked out`, { retryAfterSeconds: 1 })
  const job = await queuePreview(db, {
    subject: { uid, namespace: template.metadata.namespace ?? '', name: template.metadata.name },
    digest,
    reason: 'Handled',
    initiator: call.caller.user,
    class: 'person',
    labels: labelsOf(template),
    input: await inputOf(call, template, digest, asked),
  })
  const ended = await awaited(call, job)
  await forgetPreview(db, job.id)
  if (!ended.result?.preview)
    throw new Refused('Invalid', ended.error ?? 'the template could not be evaluated', { name: target.name ?? '' })
  answerJson(call.response, 200, { kind: 'TemplatePreview', template: target.name, digest, ...ended.result.preview })
}

interface Asked {
  readonly parameters: Readonly<Record<string, string>>
  readonly preset: string | null
  readonly digest: string | null
}

const wrong = (what: string): Refused => new Refused('BadRequest', what)

function askedOf(body: unknown): Asked {
  if (body !== null && !isJsonObject(body)) throw wrong('the body must be a JSON object: {"parameters": {"name": "value"}}')
  const { parameters = {}, preset = null, digest = null }: JsonObject = body ?? {}
  if (!isJsonObject(parameters) || !areTexts(parameters)) throw wrong('parameters must be texts by name')
  const entries = Object.entries(parameters)
  if (entries.length > PARAMETERS_MAX || entries.some(([name, value]) => name.length > 256 || value.length > VALUE_LENGTH_MAX))
    throw wrong(`at most ${PARAMETERS_MAX} parameters, each of at most ${VALUE_LENGTH_MAX} characters`)
  if (preset !== null && (typeof preset !== 'string' || preset.length > 256)) throw wrong('preset must be the name of one')
  if (digest !== null && (typeof digest !== 'string' || !/^sha256:[0-9a-f]{64}$/.test(digest)))
    throw wrong('digest must be that of a version')
  return { parameters, preset, digest }
}

const areTexts = (values: JsonObject): values is Readonly<Record<string, string>> =>
  Object.values(values).every((value) => typeof value === 'string')

const fieldOf = (value: unknown, ...names: readonly string[]): unknown =>
  names.reduce<unknown>((at, name) => (isJsonObject(at) && Object.hasOwn(at, name) ? at[name] : undefined), value)

function activeDigest({ status }: Resource): string | null {
  const digest = fieldOf(status, 'activeVersion', 'digest')
  return typeof digest === 'string' ? digest : null
}

function labelsOf({ spec }: Resource): Readonly<Record<string, string>> {
  const labels = fieldOf(spec, 'provisioner', 'labels')
  return isJsonObject(labels) && areTexts(labels) ? labels : {}
}

/** With the variables that the version was imported with. */
async function inputOf({ ports, caller }: Call, template: Resource, digest: string, { parameters, preset }: Asked): Promise<BuildInput> {
  const { uid, namespace = '', name } = template.metadata
  const imported = await newestImportOf(ports.db, uid, digest)
  const { user } = caller
  const owner = { name: user, id: '00000000-0000-0000-0000-000000000000', fullName: user, email: `${user}@localhost` }
  const variables = imported?.input?.variables ?? {}
  return { owner, template: { uid, namespace, name }, parameters, previousParameters: {}, variables, preset }
}

/** Whoever goes away takes the question along. */
async function awaited({ ports: { clock, db }, caller, signal }: Call, job: Job): Promise<Job> {
  const until = clock.elapsedMs() + WAIT_MS_MAX
  for (;;) {
    const now = await jobById(db, job.id)
    if (!now) throw new Refused('InternalError', 'the preview is gone')
    if (now.finishedAt !== null) return now
    if (signal.aborted || clock.elapsedMs() > until) {
      await requestCancel(db, job.id, caller.user)
      const why = now.claimedAt === null ? 'no provisioner took it' : 'it takes too long'
      throw new Refused('Timeout', `the preview was not worked out within ${WAIT_MS_MAX / 1000} s: ${why}`)
    }
    await clock.sleep(LOOK_MS, signal)
  }
}
