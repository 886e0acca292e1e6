import { execFile, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { endAllOf, processesMentioning, root } from '../support/bothy.ts'
import { until } from '../support/until.ts'

const run = promisify(execFile)
const example = join(root, 'examples', '01-first-workspace')

const commandsIn = (markdown: string): string[] =>
  [...markdown.matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap((block) => (block[1] ?? '').trim().split('\n'))

test("the first example's README does what it says, command by command, as it is written", async () => {
  const home = mkdtempSync(join(tmpdir(), 'bothy-readme-'))
  mkdirSync(join(home, 'h'))
  onTestFinished(async () => {
    await endAllOf(home)
    rmSync(home, { recursive: true, force: true })
  })
  const path = (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter((each) => !each.includes('node_modules'))
    .join(delimiter)
  const env = { PATH: path, HOME: join(home, 'h'), BOTHY_PORT: '0', NO_COLOR: '1', LANG: 'C.UTF-8', BOTHY_USER: 'ada' }
  const [up = '', ...rest] = commandsIn(readFileSync(join(example, 'README.md'), 'utf8'))
  expect(up).toBe('npx bothy up .')
  expect(rest.length).toBeGreaterThan(8)

  const running = spawn('bash', ['-c', up], { cwd: example, env })
  let output = ''
  running.stdout.on('data', (data: Buffer) => (output += data.toString()))
  running.stderr.on('data', (data: Buffer) => (output += data.toString()))
  await until('bothy to be up', () => output.includes('enter it'))

  const printed = new Map<string, string>()
  for (const command of rest) {
    const { stdout } = await run('bash', ['-c', command], { cwd: example, env })
    printed.set(command, stdout)
  }
  const said = (part: string) => [...printed].find(([command]) => command.includes(part))?.[1]
  expect(said('welcome.txt')).toBe('Hello from YAML, ada.\n')
  expect(said('$GREETING, from')).toBe('Hello from YAML, from dev\n')
  expect(said('get workspaces')).toMatch(/^dev +Running +True +hello +ada/m)
  expect(said('why workspace/dev')).toMatch(/running/i)
  expect(said('down')).toMatch(/dev/)
  // The programs that npm puts around ours end after them.
  await until('everything to have ended', () => processesMentioning(home).length === 0)
})
