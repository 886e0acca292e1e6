import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect } from 'vitest'
import { DEPLOY, objectsIn, type Rendered } from './deployed.ts'
import { helm } from './helm.ts'

/** The chart as helm renders it, and what kustomize makes of the same manifests. */

const found = await helm()
/** Why there is none. */
export const missing = 'missing' in found ? found.missing : null
export const CHART = join(DEPLOY, 'chart/bothy')
export const PLACE = ['--namespace', 'bothy-system']

interface Said {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** What they remember is nobody's, and gone with them. */
async function run(program: string, args: readonly string[]): Promise<Said> {
  const home = await mkdtemp(join(tmpdir(), 'bothy-chart-'))
  try {
    return await new Promise((settle) => {
      execFile(program, args, { env: { PATH: process.env['PATH'], HOME: home }, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) =>
        settle({ code: error ? 1 : 0, stdout, stderr }),
      )
    })
  } finally {
    await rm(home, { recursive: true, force: true })
  }
}

export const callHelm = (args: readonly string[]): Promise<Said> => run('program' in found ? found.program : '', args)

export const template = (...more: string[]): Promise<Said> =>
  callHelm(['template', 'bothy', CHART, ...(more.includes('--namespace') ? [] : PLACE), '--kube-version', '1.35.4', ...more])

export async function rendered(...more: string[]): Promise<readonly Rendered[]> {
  const { code, stdout, stderr } = await template(...more)
  expect(code, stderr).toBe(0)
  return objectsIn(stdout)
}

export const idOf = ({ kind, metadata }: Rendered): string => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`
const KEPT = { 'helm.sh/resource-policy': 'keep' }

/** Folded text may be broken elsewhere; whoever installs the chart has made its namespace. */
export function comparable(objects: readonly Rendered[]): Readonly<Record<string, unknown>> {
  const entries = objects.map((object) => {
    const { annotations, ...metadata } = object.metadata as Rendered['metadata'] & { annotations?: object }
    return [
      idOf(object),
      { ...object, metadata: JSON.stringify(annotations) === JSON.stringify(KEPT) ? metadata : object.metadata },
    ] as const
  })
  return Object.fromEntries(entries.filter(([id]) => id !== 'Namespace /bothy-system'))
}

export const kustomized = async (folder: string): Promise<readonly Rendered[]> => {
  const { code, stdout, stderr } = await run('kubectl', ['kustomize', resolve(DEPLOY, folder)])
  expect(code, stderr).toBe(0)
  return objectsIn(stdout)
}

export const one = (objects: readonly Rendered[], id: string): Rendered => {
  const object = objects.find((each) => idOf(each) === id)
  if (!object) throw new Error(`no ${id} among ${objects.map(idOf).join(', ')}`)
  return object
}
