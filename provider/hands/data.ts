import { parameterProblem, type TemplateParameter } from '../../crds/parameters.ts'
import type { ParameterSeen } from '../port.ts'
import { askedBy } from '../schema/parameter.ts'
import { itemsOf, problem } from '../schema/rules.ts'
import { Wrong, type Session } from '../session.ts'
import type { ObjectValue } from '../wire/values.ts'
import { ASKED_HANDS } from './asked.ts'
import { derivedUuid, isBuild, textOf, textsOf, type DataHand } from './hand.ts'

function portOf(accessUrl: string): number {
  const url = URL.parse(accessUrl)
  if (!url) return 0
  return url.port !== '' ? Number(url.port) : url.protocol === 'https:' ? 443 : 80
}

const workspace: DataHand = {
  async read(_, { host: { identity }, accessUrl }) {
    const missing = (['id', 'name', 'version'] as const).find((name) => identity.template[name] === '')
    if (missing && isBuild(identity))
      throw new Wrong(problem([], 'Unknown template', `The build does not say the ${missing} of its template.`))
    return {
      id: identity.workspace.id,
      name: identity.workspace.name,
      transition: identity.transition,
      start_count: identity.transition === 'start' ? 1 : 0,
      access_url: accessUrl,
      access_port: portOf(accessUrl),
      template_id: identity.template.id,
      template_name: identity.template.name,
      template_version: identity.template.version,
      is_prebuild: identity.prebuild === 'waiting',
      prebuild_count: identity.prebuild === 'waiting' ? 1 : 0,
      is_prebuild_claim: identity.prebuild === 'claimed',
    }
  },
}

const owner: DataHand = {
  async read(_, { host: { identity } }) {
    const { id, name, fullName, email, groups, roles = [], sshKey } = identity.owner
    return {
      id,
      name,
      full_name: fullName,
      email,
      groups,
      rbac_roles: roles.map((role) => ({ name: role.name, org_id: role.organizationId })),
      login_type: identity.owner.loginType || null,
      ssh_public_key: sshKey?.publicKey ?? '',
      ssh_private_key: sshKey?.privateKey ?? '',
      session_token: identity.owner.sessionToken ?? '',
      oidc_access_token: identity.owner.oidcToken ?? '',
    }
  },
}

/** Go's words, which templates compare with. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm: 'armv7', ia32: '386' }
const SYSTEMS: Readonly<Record<string, string>> = { win32: 'windows' }

const provisioner: DataHand = {
  async read() {
    const os = SYSTEMS[process.platform] ?? process.platform
    const arch = ARCHITECTURES[process.arch] ?? process.arch
    return { id: derivedUuid('provisioner', os, arch), os, arch }
  },
}

const parameter: DataHand = {
  async read(filled, session) {
    const { identity, reports } = session.host
    const asked = askedBy(filled)
    if (!asked) throw new Wrong(problem([], 'Unknown parameter', 'Nothing of a parameter may depend on what is made by the build.'))
    const value = resolved(asked, session)
    const { required: _, options, ...rest } = asked
    reports.parameter({ ...rest, options, value } satisfies ParameterSeen)
    return { ...filled, id: derivedUuid('parameter', identity.workspace.id, asked.name), form_type: asked.formType, value }
  },
}

/** The build's value, else the default. What a person chose wrongly stops the build, unless it takes the workspace away. */
function resolved(asked: TemplateParameter, { host: { identity } }: Session): string {
  const chosen = identity.parameters.get(asked.name) ?? asked.default
  if (chosen === null && identity.importing) return standIn(asked)
  const value = chosen ?? ''
  if (identity.previewing) return value
  const unasked = chosen === null && asked.validation === null
  if (unasked || identity.transition === 'destroy') return value
  // Whether it may change at all was judged before the build was queued, with all values at hand.
  const wrong = parameterProblem({ ...asked, mutable: true }, value, identity.previousParameters.get(asked.name))
  if (wrong) throw new Wrong(problem(['name'], 'Invalid parameter', `${wrong.message}.`))
  return value
}

/** Something of the type, so that expressions of a template that is only read have a value to work with. */
function standIn({ type, formType, options, validation }: TemplateParameter): string {
  const option = options[0]?.value
  switch (type) {
    case 'string':
      return option ?? ''
    case 'number':
      return option ?? String(validation?.min ?? validation?.max ?? 0)
    case 'bool':
      return option ?? 'false'
    case 'list(string)':
      return option !== undefined && formType !== 'multi-select' ? option : '[]'
  }
}

const preset: DataHand = {
  async read(filled, { host: { reports } }) {
    const name = textOf(filled, 'name')
    reports.preset({
      name,
      default: filled['default'] === true,
      description: textOf(filled, 'description'),
      parameters: textsOf(filled, 'parameters'),
      ...prebuildsOf(filled),
    })
    return { ...filled, id: name } satisfies ObjectValue
  },
}

function prebuildsOf(filled: ObjectValue): { readonly prebuilds?: number } {
  const [wish] = itemsOf(filled, 'prebuilds')
  const instances = wish?.['instances']
  return typeof instances === 'number' ? { prebuilds: instances } : {}
}

export const DATA_HANDS: Readonly<Record<string, DataHand>> = {
  workspace,
  workspace_owner: owner,
  provisioner,
  parameter,
  workspace_preset: preset,
  ...ASKED_HANDS,
}
