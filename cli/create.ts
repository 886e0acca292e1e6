import type { ParameterProblem } from '../crds/parameters.ts'
import { getOrNull } from './declare.ts'
import { EXIT, Failure, usage } from './failure.ts'
import type { JsonRecord } from './json.ts'
import { inNamespace, inOrder, kindNamed, objectOf, pathOf, refOf, refOfObject, shownRef, type ApiObject, type Ref } from './objects.ts'
import { howItRuns, RUNNING } from './running.ts'
import type { Run, Session } from './session.ts'
import { knownObject } from './known-object.ts'
import { asksOf } from './template-asks.ts'
import { waitFor } from './wait.ts'
import { yamlOf } from './yaml.ts'

export const run: Run = async (session, args, options) => {
  const workspace = refOf(args[0] ?? '', session.namespace, 'workspace')
  const templateName = options.text('template')
  if (templateName === null)
    throw usage('no template is named', `name one with --template; ${session.environment.program} get templates lists them`)
  const template = refOfTemplate(templateName, session.namespace)
  const known = await knownObject(session, template)
  if (await getOrNull(session.client(), workspace)) throw alreadyThere(session, workspace)
  const preset = options.text('preset')
  const parameters = await parametersFor(session, known, preset, parametersFrom(options.list('param')))
  const document = workspaceDocument(workspace, template, { owner: await session.client().user(), preset, parameters })
  const kind = kindNamed('Workspace')
  const created = objectOf(
    await session.client().request('POST', pathOf(kind, workspace.namespace), {
      query: { fieldManager: 'bothy-cli', fieldValidation: 'Strict', dryRun: options.flag('dryRun') ? 'All' : undefined },
      body: document,
    }),
  )
  if (options.flag('dryRun') || !options.flag('wait'))
    return printed(session, created, options.flag('dryRun') ? 'would be created' : 'created')
  const running = await waitFor(session, workspace, RUNNING, options.milliseconds('timeout') ?? 0)
  const enter = `${session.environment.program} exec ${workspace.name}${inNamespace(workspace.namespace)}`
  return printed(session, running ?? created, howItRuns(session, workspace, running, `is running; enter it: ${enter}`))
}

const refOfTemplate = (text: string, namespace: string): Ref => {
  const [first = '', second] = text.split('/')
  return { kind: kindNamed('Template'), namespace: second === undefined ? namespace : first, name: second ?? first }
}

const alreadyThere = ({ environment }: Session, workspace: Ref): Failure =>
  new Failure(
    EXIT.refused,
    {
      what: `${shownRef(workspace)} is already there`,
      fix: `take another name, or ${environment.program} delete workspace/${workspace.name} first`,
    },
    { reason: 'AlreadyExists' },
  )

function parametersFrom(pairs: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=')
      if (at < 1) throw usage(`--param ${pair} sets nothing`, 'write it as --param name=value')
      return [pair.slice(0, at), pair.slice(at + 1)]
    }),
  )
}

/**
 * The values to declare: those given, and on a terminal the answers for those that are missing. What the template would
 * refuse is refused here, before anything is made. A template that was never imported knows no parameters yet.
 */
async function parametersFor(
  session: Session,
  template: ApiObject,
  preset: string | null,
  explicit: Readonly<Record<string, string>>,
): Promise<Readonly<Record<string, string>>> {
  const asks = asksOf(template)
  if (!asks) return explicit
  const { resolveParameters } = await import('../crds/parameters.ts')
  const { problems } = resolveParameters({ ...asks, preset, explicit, previous: {} })
  const wrong = problems.filter(({ rule }) => rule !== 'required')
  if (wrong.length > 0) throw notTaken(session, template, wrong)
  const missing = asks.parameters.filter(({ name }) => problems.some(({ parameter }) => parameter === name))
  if (missing.length === 0) return explicit
  if (!session.terminal.asks) {
    const names = missing.map(({ name }) => name)
    throw usage(`the template needs ${names.join(', ')}`, `give ${names.map((name) => `--param ${name}=…`).join(' ')}`)
  }
  const { askParameters } = await import('./ask-parameters.ts')
  return { ...explicit, ...(await askParameters(missing, { input: process.stdin, output: process.stderr })) }
}

function notTaken({ environment }: Session, template: ApiObject, problems: readonly ParameterProblem[]): Failure {
  const { namespace, name } = refOfObject(template)
  return new Failure(
    EXIT.refused,
    {
      what: problems.map(({ message }) => message).join('; '),
      where: shownRef(refOfObject(template)),
      fix: `${environment.program} get template ${name}${inNamespace(namespace)} -o yaml shows what it takes`,
    },
    {
      reason: 'Invalid',
      causes: problems.map(({ parameter, rule, message }) => ({
        reason: 'FieldValueInvalid',
        message,
        field: rule === 'preset' ? 'spec.preset' : `spec.parameters.${parameter}`,
      })),
    },
  )
}

interface Declared {
  /** null: without a cluster, the local user. */
  readonly owner: string | null
  readonly preset: string | null
  readonly parameters: Readonly<Record<string, string>>
}

function workspaceDocument(workspace: Ref, template: Ref, { owner, preset, parameters }: Declared): JsonRecord {
  return {
    apiVersion: workspace.kind.apiVersion,
    kind: workspace.kind.kind,
    metadata: { name: workspace.name, namespace: workspace.namespace },
    spec: {
      ...(owner === null ? {} : { owner }),
      template: { name: template.name, ...(template.namespace === workspace.namespace ? {} : { namespace: template.namespace }) },
      ...(preset === null ? {} : { preset }),
      ...(Object.keys(parameters).length === 0 ? {} : { parameters }),
    },
  }
}

async function printed({ terminal, output }: Session, object: ApiObject, sentence: string): Promise<number> {
  const name = `workspace/${object.metadata.name}`
  if (output === 'json') terminal.out(JSON.stringify(inOrder(object)))
  else if (output === 'yaml') terminal.write(await yamlOf(inOrder(object)))
  else terminal.out(output === 'name' ? name : `${name} ${sentence}`)
  return EXIT.done
}
