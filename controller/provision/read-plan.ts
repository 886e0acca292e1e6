import type { Host, ParameterSeen, PresetSeen } from '../../provider/port.ts'
import { Stalled } from '../kernel/errors.ts'
import type { TemplateParameter, TemplatePreset } from '../store/records.ts'
import { diagnose, type Diagnosis } from './diagnose.ts'
import type { WorkFolder } from './folder.ts'
import type { Tools, Work } from './job.ts'
import type { Journal } from './journal.ts'
import { listen, type Heard } from './listen.ts'
import { runTerraform } from './run-terraform.ts'

/** A plan for nobody: what a template asks and would make, told by terraform itself, and nothing made. */

export interface Learnt {
  readonly parameters: Map<string, ParameterSeen>
  readonly presets: Map<string, PresetSeen>
  readonly tags: Record<string, string>
}

export const nothingLearnt = (): Learnt => ({ parameters: new Map(), presets: new Map(), tags: {} })

export type Plan = { readonly ok: true; readonly heard: Heard } | ({ readonly ok: false } & Diagnosis)

/** What somebody has answered so far, and what of the template has to be worked out for it. */
export interface Answering {
  readonly values: ReadonlyMap<string, string>
  readonly targets: readonly string[]
}

export async function planned(
  tools: Tools,
  work: Work,
  folder: WorkFolder,
  transition: 'start' | 'stop',
  learnt: Learnt,
  answering: Answering | null = null,
): Promise<Plan> {
  const { claim, stop } = work
  const heard = listen(work, 'Starting')
  const targets = (answering?.targets ?? []).map((address) => `-target=${address}`)
  const ended = await runTerraform(tools, {
    jobId: claim.job.id,
    folder,
    args: ['plan', '-json', '-input=false', '-lock=false', ...(answering ? ['-refresh=false', ...targets] : [])],
    variables: claim.job.input?.variables ?? {},
    host: hostOf(tools, work, transition, learnt, answering),
    stop,
    onLine: heard.onLine,
    onProcess: () => {},
  })
  if (ended.code === 0 && !stop.aborted) return { ok: true, heard }
  return { ok: false, ...diagnose(heard.failures(), 'ImportFailed', ended.stderr || 'terraform ended without saying why') }
}

/** Nobody owns a workspace yet: stand-ins that a template can compute with. */
function hostOf(tools: Tools, { claim, journal }: Work, transition: 'start' | 'stop', learnt: Learnt, answering: Answering | null): Host {
  const { job } = claim
  const nobody = { id: '00000000-0000-0000-0000-000000000000', name: 'default', fullName: 'default', email: 'default@example.com' }
  const owner = (answering && job.input?.owner) || nobody
  return {
    identity: {
      transition,
      importing: true,
      ...(answering ? { previewing: true } : {}),
      buildId: job.id,
      workspace: { id: nobody.id, name: 'default' },
      owner: { ...owner, groups: [] },
      template: { id: job.subject.uid, name: job.subject.name, version: job.digest },
      parameters: answering?.values ?? new Map(),
      previousParameters: new Map(),
      accessUrl: tools.accessUrl(),
    },
    reports: {
      parameter: (seen) => void learnt.parameters.set(seen.name, seen),
      preset: (seen) => void learnt.presets.set(seen.name, seen),
      tags: (seen) => void Object.assign(learnt.tags, seen),
      agent: async ({ token }) => journal.conceal(token),
      creating: async () => {
        throw new Stalled('TemplateInvalid', 'reading a template makes nothing')
      },
      machine: () => {},
    },
    machines: tools.machinesFor({
      workspace: { uid: nobody.id, namespace: job.subject.namespace, name: 'default' },
      owner,
      buildId: job.id,
      tokenOf: () => null,
    }),
  }
}

/**
 * What a template asks is for everybody who may see it. A default that was left out would be another one, so it is not taken:
 * whoever wrote it computes it where it is used.
 */
export function refuseSecretDefaults({ tells }: Pick<Journal, 'tells'>, { parameters, presets }: Learnt): void {
  for (const { name, default: first, options } of parameters.values())
    if ([first ?? '', ...options.map(({ value }) => value)].some(tells)) throw telling(`the default or an option of parameter "${name}"`)
  for (const preset of presets.values()) if (Object.values(preset.parameters).some(tells)) throw telling(`the preset "${preset.name}"`)
}

const telling = (what: string): Stalled =>
  new Stalled('TemplateInvalid', `${what} holds the value of a secret variable: everybody who sees the template would see it`)

export const parametersOf = (seen: ReadonlyMap<string, ParameterSeen>): TemplateParameter[] =>
  [...seen.values()].map(asked).toSorted((a, b) => a.order - b.order || (a.name < b.name ? -1 : 1))

const asked = ({ value: _value, ...parameter }: ParameterSeen): TemplateParameter =>
  Object.freeze({ ...parameter, required: parameter.default === null })

export const presetsOf = (seen: ReadonlyMap<string, PresetSeen>): TemplatePreset[] =>
  [...seen.values()].map(({ name, description, parameters, ...rest }) => ({ name, description, parameters, default: rest.default }))
