import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { GROUP, KINDS } from '../../crds/kinds.ts'
import { readStored } from '../../crds/schema/index.ts'
import { kstatusOf, type Kstatus } from '../decide/kstatus.ts'
import { ownerTold, requestTold, templatesTold, workspacesTold, type Told } from '../decide/told.ts'
import { clientProgram } from './programs.ts'

/**
 * What is said of objects, read by those for whom it is said: the library that Flux waits with, and the rule for Argo CD in the
 * engine that Argo CD runs it in.
 */

const MAKING_LIMIT_MS = 16 * 60_000
const made = await clientProgram('health')

const settings = readFileSync(resolve(import.meta.dirname, '../../deploy/argocd/health.yaml'), 'utf8')
const { data } = parse(settings) as { readonly data: Readonly<Record<string, string>> }
const ours = KINDS.filter(({ group }) => group === GROUP)

const folder = mkdtempSync(join(tmpdir(), 'bothy-health-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Verdict {
  readonly flux: Kstatus
  readonly argo: string
  readonly argoMessage: string
}

type Read = Parameters<typeof kstatusOf>[0] & { readonly kind: string }

async function judged(objects: readonly Read[]): Promise<readonly Verdict[]> {
  if ('missing' in made) throw new Error(made.missing)
  const rule = join(folder, 'health.lua')
  writeFileSync(rule, Object.values(data)[0] ?? '')
  const [program = '', ...args] = made.command
  const child = spawn(program, [...args, rule], { stdio: ['pipe', 'pipe', 'pipe'] })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (text: Buffer) => (stdout += text.toString()))
  child.stderr.on('data', (text: Buffer) => (stderr += text.toString()))
  child.stdin.on('error', () => {})
  child.stdin.end(objects.map((object) => `${JSON.stringify(object)}\n`).join(''))
  const code = await new Promise<number | null>((settle) => child.on('close', settle))
  if (code !== 0) throw new Error(stderr)
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Verdict)
}

const MEANT: Readonly<Record<Kstatus, string>> = {
  Current: 'Healthy',
  InProgress: 'Progressing',
  Failed: 'Degraded',
  Terminating: 'Progressing',
}

/** What docs/gitops.md promises. */
function argoMeant(object: Read): string {
  const status = kstatusOf(object)
  const isPaused = object.status?.conditions?.some((condition) => 'reason' in condition && condition.reason === 'Paused')
  return status === 'InProgress' && isPaused ? 'Suspended' : MEANT[status]
}

/** Those that differ in more than their words are read once. */
function eachOnce(objects: Iterable<Told>): readonly Told[] {
  const seen = new Map<string, Told>()
  for (const object of objects) {
    const conditions = object.status.conditions.map(({ type, status, reason }) => [type, status, reason])
    seen.set(JSON.stringify([object.kind, object.metadata.deletionTimestamp, conditions]), object)
  }
  return [...seen.values()]
}

async function differences(objects: readonly Read[]): Promise<readonly object[]> {
  const verdicts = await judged(objects)
  expect(verdicts.length).toBe(objects.length)
  return objects.flatMap((object, i) => {
    const wanted = { flux: kstatusOf(object), argo: argoMeant(object) }
    const { flux, argo, argoMessage } = verdicts[i] ?? { flux: null, argo: '', argoMessage: '' }
    return flux === wanted.flux && argo === wanted.argo && argoMessage !== '' ? [] : [{ object, wanted, flux, argo, argoMessage }]
  })
}

const named = (kind: string) => ({ apiVersion: 'bothy.dev/v1alpha1', kind, metadata: { name: 'new', generation: 1 } })

test('one rule for Argo CD is given for each of our kinds, in names that a ConfigMap may have', () => {
  expect(Object.keys(data).toSorted()).toEqual(ours.map(({ kind }) => `resource.customizations.health.${GROUP}_${kind}`).toSorted())
  expect(Object.keys(data).every((key) => /^[-._a-zA-Z0-9]+$/.test(key))).toBe(true)
  expect(new Set(Object.values(data)).size).toBe(1)
})

describe.skipIf('missing' in made)('Flux and Argo CD', { timeout: MAKING_LIMIT_MS }, () => {
  test('read everything that is ever said of an object as it is meant', async () => {
    const owners = [ownerTold(false, 'UTC'), ownerTold(true, 'UTC'), ownerTold(false, 'Moon/Sea')]
    const all = eachOnce([...workspacesTold(), ...templatesTold(), ...owners, requestTold('Auto'), requestTold('Stopped')])
    expect(all.length).toBeGreaterThan(50)
    expect(await differences(all)).toEqual([])
    expect([...new Set(all.map(argoMeant))].toSorted()).toEqual(['Degraded', 'Healthy', 'Progressing', 'Suspended'])
  })

  test('wait for what nobody has looked at, or not since it changed', async () => {
    const unseen = ours.map((kind) => readStored(kind, named(kind.kind)) as unknown as Read)
    const changed = { ...ownerTold(false, 'UTC'), metadata: { name: 'dev', generation: 2 } }
    expect([...unseen, changed].map((object) => kstatusOf(object))).toEqual(Array(ours.length + 1).fill('InProgress'))
    expect(await differences([...unseen, changed])).toEqual([])
  })

  test('make of any conditions what our reading of the published rules does', async () => {
    const values = [null, 'True', 'False', 'Unknown']
    const objects = values.flatMap((ready) =>
      values.flatMap((reconciling) =>
        values.flatMap((stalled) =>
          [0, 1, 2].flatMap((first) => {
            const given: [string, string | null][] = [
              ['Ready', ready],
              ['Reconciling', reconciling],
              ['Stalled', stalled],
            ]
            const conditions = [...given.slice(first), ...given.slice(0, first)].flatMap(([type, status]) =>
              status === null ? [] : [{ type, status, message: 'so', reason: 'So' }],
            )
            return [1, 2].map((observedGeneration): Read =>
              Object.assign(named('Workspace'), { status: { observedGeneration, conditions } }),
            )
          }),
        ),
      ),
    )
    const verdicts = await judged(objects)
    expect(objects.filter((object, i) => verdicts[i]?.flux !== kstatusOf(object))).toEqual([])
  })
})
