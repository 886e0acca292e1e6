import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Call, Chapter, Step } from './steps.ts'

/** Runs the steps of a chapter with the real kubectl, and writes down what was seen, without what differs from run to run. */

interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

const STEP_LIMIT_MS = 100_000
/** As klog begins a line. */
const LOGGED = /^[IW]\d{4} .*\n/gm

export async function runChapter(kubeconfig: string, chapter: Chapter): Promise<string> {
  const home = mkdtempSync(join(tmpdir(), 'bothy-kubectl-'))
  // As long as what it is replaced by, so that columns are as wide.
  const namespace = `steps-${randomBytes(3).toString('hex')}`
  const kubectl = kubectlOf(kubeconfig, namespace, home)
  try {
    await must(kubectl, { args: ['apply', '-f', '-'], input: `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"${namespace}"}}` })
    for (const call of chapter.given) await must(kubectl, call)
    const seen: string[] = []
    for (const step of chapter.steps) seen.push(transcript(step, await kubectl(step), namespace))
    return seen.join('\n')
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
}

type Kubectl = (call: Call & Partial<Step>) => Promise<Outcome>

async function must(kubectl: Kubectl, call: Call): Promise<void> {
  const { code, stderr } = await kubectl(call)
  if (code !== 0) throw new Error(`kubectl ${call.args.join(' ')}: ${stderr}`)
}

function kubectlOf(kubeconfig: string, namespace: string, home: string): Kubectl {
  const kubectl: Kubectl = async (call) => {
    const input = await filled(call.input ?? '')
    const args = call.args.map((arg) => arg.replaceAll('NAMESPACE', namespace))
    const own = args.includes('-n') ? [] : ['-n', namespace]
    const env = { PATH: process.env['PATH'] ?? '', HOME: home, KUBECONFIG: kubeconfig, TZ: 'UTC', ...call.env }
    // What waits says nothing before it has; that it watches it says in its own log.
    const isLogged = call.meanwhile !== undefined && args[0] === 'wait'
    const told = isLogged ? ['-v=6'] : []
    const child = spawn('kubectl', ['--cache-dir', join(home, 'cache'), ...own, ...told, ...args], { env, stdio: ['pipe', 'pipe', 'pipe'] })
    const limit = setTimeout(() => child.kill('SIGKILL'), STEP_LIMIT_MS)
    let [stdout, stderr] = ['', '']
    const began = Promise.withResolvers<void>()
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
      began.resolve()
      if (call.lines !== undefined && stdout.split('\n').length > call.lines) child.kill('SIGTERM')
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
      if (isLogged && stderr.includes('watch=true')) began.resolve()
    })
    // A command that reads nothing may be gone before it is written to.
    child.stdin.on('error', () => {}).end(input)
    const closed = new Promise<number>((resolve) => child.on('close', (code) => resolve(code ?? -1)))
    void closed.then(() => began.resolve())
    if (call.meanwhile) {
      await began.promise
      for (const other of call.meanwhile) await must(kubectl, other)
    }
    const code = await closed
    clearTimeout(limit)
    return { code: call.lines === undefined ? code : 0, stdout, stderr: stderr.replaceAll(LOGGED, '') }
  }

  async function filled(text: string): Promise<string> {
    const [marker, object = ''] = /\{uid:([^}]+)\}/.exec(text) ?? []
    const named = text.replaceAll('NAMESPACE', namespace)
    if (marker === undefined) return named
    const { stdout } = await kubectl({ args: ['get', object, '-o', 'jsonpath={.metadata.uid}'] })
    return named.replaceAll(marker, stdout)
  }
  return kubectl
}

function transcript({ shows, args, ragged }: Step, { code, stdout, stderr }: Outcome, namespace: string): string {
  const said = [stdout, stderr.replaceAll(/^(?=.)/gm, '! ')].map((text) => text.replace(/\n+$/, '')).filter((text) => text !== '')
  const lines = said.length === 0 ? [] : plainly(said.join('\n'), namespace, ragged === true).split('\n')
  const typed = args.map((arg) => (arg.includes(' ') || arg.includes('{') ? `'${arg}'` : arg)).join(' ')
  return [`# ${shows}`, `$ kubectl ${typed}`, ...lines, ...(code === 0 ? [] : [`exit ${code}`]), ''].join('\n')
}

/** Without what differs from run to run. Instants of the documents are of 2020. */
export function plainly(text: string, namespace: string, ragged: boolean): string {
  const same = text
    .replaceAll(namespace, 'steps-000000')
    .replaceAll(/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, '00000000-0000-0000-0000-000000000000')
    .replaceAll(/(resourceVersion: |Resource Version: +)"?\d+"?/g, '$10')
    .replaceAll(/\b20(?!20)\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, 'TIME')
    .replaceAll(/\b20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ [+-]\d{4}/g, 'TIME')
    .replaceAll(/\/[^\s]*\/(LIVE|MERGED)-\d+/g, '/$1')
    .replaceAll(/https?:\/\/(127\.0\.0\.1|localhost|\[::1\]):\d+/g, 'SERVER')
    .replaceAll(/(?<=(?: {2,}|^))(\d{1,3}s|\d+y\d+d)(?= |$)/gm, '0s')
  return ragged ? same.replaceAll(/(?<=\S) {2,}/g, '  ') : same
}
