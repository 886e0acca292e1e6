import type { IncomingMessage } from 'node:http'
import { systemClock } from '../../../controller/kernel/clock.ts'
import { randomSuffix } from '../../../controller/kernel/names.ts'
import { isJsonObject, type JsonObject } from '../../../crds/schema/types.ts'
import { until } from '../../support/until.ts'
import { newNames, normal, type Names } from './normal.ts'
import type { Server } from './server.ts'
import { contentTypeOf, JSON_TYPE, type Scenario, type Step } from './step.ts'

/** What a server answered to a step, as far as it can be compared. */
export interface Answer {
  readonly code: number
  readonly type?: string
  readonly warnings?: readonly string[]
  readonly body?: unknown
  readonly events?: readonly unknown[]
}

export type Answers = Readonly<Record<string, Answer>>

interface Raw {
  readonly code: number
  readonly headers: IncomingMessage['headers']
  readonly text: string
  readonly lines: readonly string[] | null
}

const WATCH_LIMIT_MS = 5_000
const NAMESPACES = '/api/v1/namespaces'

/** All steps of a scenario, one after the other. */
export async function play(server: Server, { name, steps }: Scenario): Promise<Answers> {
  const run = randomSuffix(8)
  const namespace = `d-${run}`
  const variables = new Map([
    ['ns', namespace],
    ['run', run],
  ])
  const names = newNames()
  names.known.set(namespace, '{ns}')
  names.known.set(run, '{run}')
  const made = await ask(server, { does: 'a namespace', method: 'POST', path: NAMESPACES, body: namespaceNamed(namespace) }, variables)
  if (made.code !== 201) throw new Error(`${server.name} made no namespace for ${name}: ${made.code} ${made.text}`)
  const answers: [string, Answer][] = []
  for (const step of steps) {
    const beginning = at(step.body, 'metadata.generateName')
    if (typeof beginning === 'string' && beginning !== '') names.generated.add(new RegExp(`\\b${beginning}[a-z0-9]{5}\\b`, 'g'))
    const raw = step.until === undefined ? await ask(server, step, variables) : await askUntil(server, step, variables)
    for (const [variable, path] of Object.entries(step.keep ?? {})) {
      const value = at(parsed(raw.text), path)
      // What standalone should have answered shows as a difference; the measure itself must not be amiss.
      if (typeof value === 'string') variables.set(variable, value)
      else if (server.name === 'real') throw new Error(`${name}, ${step.does}: nothing at ${path} of ${raw.code} ${raw.text}`)
    }
    answers.push([step.does, answerOf(raw, names)])
  }
  await ask(server, { does: 'the end', method: 'DELETE', path: `${NAMESPACES}/${namespace}` }, variables)
  return Object.fromEntries(answers)
}

const namespaceNamed = (name: string) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })

const askUntil = (server: Server, step: Step, variables: ReadonlyMap<string, string>): Promise<Raw> =>
  until(
    `${server.name} to answer ${step.until} to: ${step.does}`,
    async () => {
      const raw = await ask(server, step, variables)
      return raw.code === step.until ? raw : null
    },
    { limitMs: COLLECTED_MS },
  )

/** The collector of a cluster looks for kinds that are new to it every half minute, and all over again for one that fails. */
const COLLECTED_MS = 120_000

/** A server that has been given its kinds just now puts everybody off until it keeps them. */
const ask = (server: Server, step: Step, variables: ReadonlyMap<string, string>): Promise<Raw> =>
  until(`${server.name} to be ready for: ${step.does}`, async () => {
    const raw = await askOnce(server, step, variables)
    return raw.code === 429 ? null : raw
  })

async function askOnce(server: Server, step: Step, variables: ReadonlyMap<string, string>): Promise<Raw> {
  const query = new URLSearchParams(
    Object.entries(step.query ?? {}).map(([name, value]): [string, string] => [name, filled(value, variables)]),
  )
  const path = `${filled(step.path, variables)}${query.size > 0 ? `?${query}` : ''}`
  const body = step.raw ?? (step.body === undefined ? undefined : JSON.stringify(step.body))
  const headers = {
    accept: JSON_TYPE,
    'user-agent': 'corpus/1',
    ...(body === undefined ? {} : { 'content-type': contentTypeOf(step) }),
    ...step.headers,
  }
  try {
    const response = await server.open(step.method, path, headers, body === undefined ? undefined : filled(body, variables))
    const code = response.statusCode ?? 0
    const { text, lines } =
      step.events === undefined || code !== 200 ? { text: await whole(response), lines: null } : await events(response, step.events)
    return { code, headers: response.headers, text, lines }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ECONNRESET') return { code: 0, headers: {}, text: 'cut', lines: null }
    throw error
  }
}

const filled = (template: string, variables: ReadonlyMap<string, string>): string =>
  template.replaceAll(/\{([a-zA-Z]+)\}/g, (placeholder, name: string) => variables.get(name) ?? placeholder)

async function whole(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks).toString()
}

async function events(response: IncomingMessage, count: number): Promise<{ readonly text: string; readonly lines: readonly string[] }> {
  let text = ''
  // A server that says nothing more is left: what it has said until then is its answer.
  const leave = systemClock.after(WATCH_LIMIT_MS, () => response.destroy())
  try {
    for await (const chunk of response) {
      text += String(chunk)
      if (told(text).length >= count && text.endsWith('\n')) break
    }
  } catch (error) {
    if (!response.destroyed) throw error
  }
  leave()
  response.destroy()
  return {
    text: '',
    lines: told(text).slice(0, count),
  }
}

/** How far a server is, it says when it likes, and once in some hundred watches of a second: that is no part of its answer. */
const PROGRESS = /^\{"type":"BOOKMARK",(?!.*"k8s\.io\/initial-events-end")/
const told = (text: string): readonly string[] => text.split('\n').filter((line) => line !== '' && !PROGRESS.test(line))

function answerOf({ code, headers, text, lines }: Raw, names: Names): Answer {
  const warnings = (headers['warning'] === undefined ? [] : [headers['warning']].flat()).map((warning) => String(normal(warning, names)))
  const type = headers['content-type'] ?? ''
  return {
    code,
    ...(type === JSON_TYPE ? {} : { type }),
    ...(warnings.length > 0 ? { warnings } : {}),
    ...(lines === null
      ? { body: type.startsWith(JSON_TYPE) ? normal(parsed(text), names) : text }
      : { events: lines.map((line) => normal(parsed(line), names)) }),
  }
}

function parsed(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    return value
  } catch {
    return text
  }
}

const at = (value: unknown, path: string): unknown =>
  path.split('.').reduce<unknown>((found, name) => {
    if (Array.isArray(found)) return found[Number(name)]
    return isJsonObject(found) ? (found as JsonObject)[name] : undefined
  }, value)
