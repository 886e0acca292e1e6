import { execFile } from 'node:child_process'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { temporaryHome } from '../support/bothy.ts'
import { until } from '../support/until.ts'
import { clientProgram } from './programs.ts'

/** Client libraries of Kubernetes, as their makers wrote them, with the kubeconfig that `bothy up` writes. */

const call = promisify(execFile)
const MAKING_LIMIT_MS = 16 * 60_000

interface Seen {
  readonly kinds: readonly string[]
  readonly listed: readonly string[]
  readonly events: readonly string[]
  readonly informed?: readonly string[]
  readonly label: string
  readonly reasons: Readonly<Record<string, string>>
}

const go = await clientProgram('go')
const python = await clientProgram('python')
const languages = [
  { language: 'go', made: go, informed: ['added', 'deleted'] },
  { language: 'python', made: python, informed: undefined },
]

describe.each(languages)('a client in $language', ({ language, made, informed }) => {
  test.skipIf('missing' in made)('lists, watches, creates and patches our kinds', { timeout: MAKING_LIMIT_MS }, async () => {
    if ('missing' in made) throw new Error(made.missing)
    const home = temporaryHome()
    const up = await home.up()
    await until('the folder to be read', () => up.output().includes('objects in'))
    const kubeconfig = join(home.state, 'kubeconfig')
    expect(statSync(kubeconfig).mode & 0o777).toBe(0o600)
    const [program = '', ...args] = made.command
    const { stdout } = await call(program, [...args, kubeconfig, `of-${language}`], {
      timeout: 90_000,
      env: { PATH: process.env['PATH'] ?? '', HOME: home.state },
    })
    const seen = JSON.parse(stdout) as Seen
    expect(seen.kinds).toEqual(expect.arrayContaining(['Template', 'Workspace', 'WorkspaceRequest', 'Owner']))
    expect(seen).toMatchObject({
      listed: ['dev'],
      label: language,
      events: ['ADDED', 'MODIFIED', 'DELETED'],
      reasons: { again: 'AlreadyExists', stale: 'Conflict', wrong: 'Invalid', missing: 'NotFound' },
      ...(informed ? { informed } : {}),
    })
  })
})
