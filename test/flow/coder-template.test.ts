import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { root, temporaryHome, type Home } from '../support/bothy.ts'
import { until } from '../support/until.ts'

/** The example that was written for Coder, from outside: imported, built by a preset, entered, changed, stopped and started. */

const EXAMPLE = join(root, 'examples', '04-coder-template')

interface TemplateJson {
  readonly status: {
    readonly parameters: readonly { readonly name: string; readonly type: string; readonly default?: string }[]
    readonly presets: readonly { readonly name: string }[]
  }
}
interface WorkspaceJson {
  readonly status: { readonly build: { readonly number: number; readonly phase: string } }
}

const inside = async (home: Home, script: string): Promise<string> =>
  (await home.run(['exec', 'dev', '--', 'sh', '-c', script])).stdout.trim()

/** Commands of the README that can be typed while `bothy up` runs in another terminal, without `npx bothy`. */
const typed = readFileSync(join(EXAMPLE, 'README.md'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('npx bothy exec '))
  .map((line) => /-- sh -c '(.*)'$/.exec(line)?.[1] ?? '')

test('a template written for Coder runs with its coder_* blocks as they are', async () => {
  const home = temporaryHome()
  rmSync(home.folder, { recursive: true })
  cpSync(EXAMPLE, home.folder, { recursive: true })
  await home.up()
  const waited = await home.run(['wait', 'workspace/dev', '--for', 'condition=Running', '--timeout', '60s'])
  expect(`${waited.code} ${waited.stdout}${waited.stderr}`).toMatch(/^0 /)

  const template = await home.json<TemplateJson>('get', 'template', 'project')
  expect(template.status.parameters.map(({ name, type }) => `${name} ${type}`)).toEqual([
    'greeting string',
    'jobs number',
    'tools list(string)',
  ])
  expect(template.status.presets.map(({ name }) => name).toSorted()).toEqual(['Everything', 'Small'])

  expect(typed).toHaveLength(3)
  const [greeting = '', notes = '', names = ''] = typed
  expect(await inside(home, greeting)).toEqual('Hello from YAML, ada.')
  expect(await inside(home, notes)).toMatch(/^built for \w+$/)
  expect(await inside(home, names)).toEqual('-j8, ada, ada')

  // A parameter changes while the workspace runs: the same agent has the new value after one build.
  const file = join(home.folder, 'workspace.yaml')
  writeFileSync(file, `${readFileSync(file, 'utf8').trimEnd()}\n    jobs: '3'\n`)
  await until('the new number of jobs', async () => (await inside(home, 'echo $MAKEFLAGS')) === '-j3', { everyMs: 200 })
  const changed = await home.json<WorkspaceJson>('get', 'workspace', 'dev')
  expect(changed.status.build).toMatchObject({ number: 2, phase: 'Succeeded' })

  await inside(home, 'echo kept > ~/kept')
  expect((await home.run(['stop', 'dev'])).code).toEqual(0)
  await until('nothing of the workspace to run', () => !home.processes().some(({ command }) => command.includes('http.server')))
  expect((await home.run(['start', 'dev'])).code).toEqual(0)
  expect(await inside(home, 'cat ~/kept')).toEqual('kept')
})

test('a value that its rules refuse is refused with the words of the template', async () => {
  const home = temporaryHome()
  rmSync(home.folder, { recursive: true })
  cpSync(EXAMPLE, home.folder, { recursive: true })
  const file = join(home.folder, 'workspace.yaml')
  writeFileSync(file, readFileSync(file, 'utf8').replace("'Hello from YAML'", "'hello'"))
  await home.up()
  const said = await until(
    'the refusal',
    async () => {
      const { stdout } = await home.run(['get', 'workspace', 'dev', '-o', 'json'])
      return /begins with a capital letter/.exec(stdout)
    },
    { everyMs: 200 },
  )
  expect(said).not.toBeNull()
})
