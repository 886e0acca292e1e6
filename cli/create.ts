import { plain } from '../controller/kernel/plain.ts'
import { getOrNull } from './declare.ts'
import { EXIT, Failure, usage } from './failure.ts'
import { field, isRecord, listOf, textOf, type JsonRecord } from './json.ts'
import { getObject, inOrder, kindNamed, objectOf, pathOf, refOf, shownRef, type ApiObject, type Ref } from './objects.ts'
import type { Run, Session } from './session.ts'
import { conditionOf, goalOf, waitFor, type Goal } from './wait.ts'
import { yamlOf } from './yaml.ts'

/** Whoever has just made it is there to mend it. */
const RUNNING: Goal = {
  ...goalOf('condition=Running'),
  isHopeless: (object) => textOf(field(conditionOf(object, 'Stalled'), 'status')) === 'True',
}

export const run: Run = async (session, args, options) => {
  const workspace = refOf(args[0] ?? '', session.namespace, 'workspace')
  const templateName = options.text('template')
  if (templateName === null)
    throw usage('no template is named', `name one with --template; ${session.environment.program} get templates lists them`)
  const template = refOfTemplate(templateName, session.namespace)
  const known = await getObject(session.client(), template)
  if (await getOrNull(session.client(), workspace)) throw alreadyThere(session, workspace)
  const preset = options.text('preset')
  const given = parametersFrom(options.list('param'))
  const parameters = { ...given, ...(await missingParameters(session, known, preset, given)) }
  const document = workspaceDocument(workspace, template, preset, parameters)
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
  return printed(session, running ?? created, `is running; enter it: ${session.environment.program} exec ${workspace.name}`)
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

/** Asks on a terminal; elsewhere says what is missing. A template that was never imported knows no parameters yet. */
async function missingParameters(
  session: Session,
  template: ApiObject,
  preset: string | null,
  given: Readonly<Record<string, string>>,
): Promise<Readonly<Record<string, string>>> {
  const presets = listOf(field(template, 'status', 'presets'))
  const ofPreset = field(
    presets.find((each) => field(each, 'name') === preset),
    'parameters',
  )
  const missing = listOf(field(template, 'status', 'parameters')).filter((parameter) => {
    const name = textOf(field(parameter, 'name')) ?? ''
    return field(parameter, 'required') === true && !Object.hasOwn(given, name) && !(isRecord(ofPreset) && Object.hasOwn(ofPreset, name))
  })
  if (missing.length === 0) return {}
  if (!session.terminal.asks) {
    const names = missing.map((parameter) => textOf(field(parameter, 'name')) ?? '')
    throw usage(`the template needs ${names.join(', ')}`, `give ${names.map((name) => `--param ${name}=…`).join(' ')}`)
  }
  return askFor(missing)
}

async function askFor(missing: readonly unknown[]): Promise<Readonly<Record<string, string>>> {
  const { createInterface } = await import('node:readline/promises')
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  const answers: Record<string, string> = {}
  try {
    for (const parameter of missing) {
      const name = textOf(field(parameter, 'name')) ?? ''
      const description = textOf(field(parameter, 'description'))
      answers[name] = await lines.question(`${plain(`${name}${description ? ` (${description})` : ''}`)}: `)
    }
  } finally {
    lines.close()
  }
  return answers
}

function workspaceDocument(workspace: Ref, template: Ref, preset: string | null, parameters: Readonly<Record<string, string>>): JsonRecord {
  return {
    apiVersion: workspace.kind.apiVersion,
    kind: workspace.kind.kind,
    metadata: { name: workspace.name, namespace: workspace.namespace },
    spec: {
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
