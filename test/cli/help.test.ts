import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { readEnvironment } from '../../cli/environment.ts'
import { Failure } from '../../cli/failure.ts'
import { COMMANDS } from '../../cli/grammar.ts'
import { runProgram } from '../../cli/program.ts'
import { COMPILED } from '../support/compiled.ts'
import { root } from '../support/bothy.ts'
import { temporaryFolder } from '../support/temporary.ts'

/** The command line as somebody sees it who has nothing running. */

function bothy(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const state = env['BOTHY_STATE'] ?? temporaryFolder()
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'cli', 'main.ts'), ...args], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] ?? '', HOME: state, BOTHY_STATE: join(state, 'none'), COLUMNS: '80', ...COMPILED, ...env },
  })
  return { code: status, stdout, stderr }
}

/** The same without a process of its own: for the many lines that only the grammar answers. */
async function inside(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  let stdout = ''
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    stdout += String(text)
    return true
  })
  try {
    return { code: await runProgram(args, readEnvironment({ BOTHY_STATE: '/nonexistent', ...env })), stdout, failure: null }
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    return { code: error.code, stdout, failure: error }
  } finally {
    write.mockRestore()
  }
}

test('the help is what it was when somebody last read it', async () => {
  const { code, stdout, stderr } = bothy([])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  await expect(stdout).toMatchFileSnapshot('golden/bothy.txt')
  expect(bothy(['--help'])).toEqual({ code: 0, stdout, stderr: '' })
})

for (const { name, examples } of COMMANDS) {
  test(`bothy ${name} --help`, async () => {
    const { code, stdout } = await inside([name, '--help'])
    expect(code).toBe(0)
    expect(examples.length).toBeGreaterThan(0)
    expect(stdout.split('\n').filter((line) => line.length > 80 && !line.startsWith('  bothy '))).toEqual([])
    await expect(stdout).toMatchFileSnapshot(`golden/${name}.txt`)
  })
}

test('wrong use exits 2, says what is wrong and what to do', async () => {
  const cases: readonly (readonly [args: string, what: RegExp])[] = [
    ['help gett', /unknown command 'gett'.*Did you mean get/],
    ['exec dev ls -la', /unknown option '-la'/],
    ['delete dev', /there is no kind "dev"/],
    ['gett', /unknown command 'gett'.*Did you mean get/],
    ['get', /missing required argument 'kind'/],
    ['get nothing', /there is no kind "nothing"/],
    ['get workspaces --nope', /unknown option '--nope'/],
    ['get workspaces -o xml', /argument 'xml' is invalid/],
    ['get workspace/dev -A', /a name cannot be looked up in every namespace/],
    ['get workspace dev -l a=b', /a name and a selector exclude each other/],
    ['get workspace dev/../x', /cannot be a name/],
    ['wait dev', /"dev" names no object/],
    ['wait workspace/dev --for nothing', /--for nothing is nothing to wait for/],
    ['wait workspace/dev --timeout soon', /--timeout soon is no duration/],
    ['why a/b/c', /names no object/],
    ['why ns/default', /nothing is decided about a namespace/],
    ['apply', /nothing to read is named/],
    ['delete', /nothing to delete is named/],
    ['create dev', /no template is named/],
    ['extend dev', /it is not said how far/],
    ['extend dev --for 1h --until +1h', /exclude each other/],
    ['extend dev --until 18:00', /--until 18:00 is no instant/],
    ['hold dev', /it is not said how long/],
    ['simulate template/hello', /the clock does nothing to a template/],
    ['logs dev --build x', /--build x is no whole number/],
    ['up --port 99999999', /--port 99999999 is too large/],
    ['completion tcsh', /there is no completion for "tcsh"/],
    ['get workspaces --url nonsense', /--url nonsense is no url/],
  ]
  const outcomes = await Promise.all(cases.map(([args]) => inside(args.split(' '), { BOTHY_URL: 'http://127.0.0.1:9' })))
  expect(
    outcomes.map(({ code, failure }, i) => [
      cases[i]?.[0],
      code,
      cases[i]?.[1].test(failure?.text.what ?? '') || failure?.text.what,
      failure?.text.fix !== undefined,
    ]),
  ).toEqual(cases.map(([args]) => [args, 2, true, true]))
})

test('the fix is the command that was meant', async () => {
  const fixes = {
    'delete dev': 'name the kind: bothy delete workspace dev',
    'exec dev ls -la': 'put -- before the command, as in bothy exec dev -- make test',
    get: 'bothy get --help shows how, as in bothy get workspaces',
    'logs dev --nope': 'bothy logs --help shows how',
    'apply a.yaml b.yaml': 'files are named with -f: bothy apply -f a.yaml -f b.yaml',
    'why dev': 'write it as KIND/NAME, like workspace/dev',
  }
  for (const [args, fix] of Object.entries(fixes)) expect((await inside(args.split(' '))).failure?.text.fix).toBe(fix)
})

test('whom to talk to may stand before the command, and is said to the command', async () => {
  const url = 'http://127.0.0.1:9'
  const talks = (...args: readonly string[]) => inside(args).then(({ code, failure }) => [code, failure?.text.where])
  const there = [5, expect.stringContaining(`${url} (--url)`)]
  expect(await talks('--url', url, 'get', 'workspaces')).toEqual(there)
  expect(await talks(`--url=${url}`, '-q', '-nteam', '--token', 't', 'get', 'workspaces')).toEqual(there)
  // As everywhere, the later one counts.
  expect(await talks('--url', 'http://127.0.0.1:8', 'get', 'workspaces', '--url', url)).toEqual(there)
  const what = (args: string) => inside(args.split(' ')).then(({ failure }) => failure?.text)
  expect(await what('-n team completion bash')).toEqual({ what: "unknown option '-n'", fix: 'bothy completion --help shows how' })
  expect(await what('-n team exec dev ls -la')).toMatchObject({ fix: 'put -- before the command, as in bothy exec dev -- make test' })
  expect(await what('-n team gett')).toMatchObject({ what: expect.stringMatching(/unknown command 'gett'.*Did you mean get/) })
  expect(await what('-n team --nope get ws')).toMatchObject({ what: "unknown option '--nope'" })
  expect((await what('-o json get ws'))?.fix).toBe('an option of a command stands behind it: bothy COMMAND --help')
  expect(await what('-q --context')).toMatchObject({ what: 'nothing follows --context' })
  expect((await inside(['-n', 'team', 'help', 'get'])).stdout).toBe((await inside(['get', '--help'])).stdout)
})

const said = (...args: string[]) => bothy(args).stdout

test('help and version are found under every name that people try', () => {
  expect(said('help')).toBe(said('--help'))
  expect(said('help', 'get')).toBe(said('get', '--help'))
  expect(said('--version')).toMatch(/^bothy \d+\.\d+\.\d+\n$/)
  expect(said('-v')).toBe(said('--version'))
})

function hint(env: Readonly<Record<string, string>>): string {
  const started = { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', BOTHY_STATE: '/nonexistent', ...env }
  return spawnSync(process.execPath, [join(root, 'cli', 'bothy.js'), 'get', 'ws'], { encoding: 'utf8', env: started }).stderr
}

test('what to type next is what can be typed: through npm in a checkout, the name alone elsewhere', () => {
  expect(hint({ npm_execpath: '/usr/lib/node_modules/npm/bin/npx-cli.js' })).toContain('to do:  start it: npx bothy up\n')
  expect(hint({})).toContain('to do:  start it: bothy up\n')
})

test('an error is three lines on stderr and no stack', () => {
  const { code, stdout, stderr } = bothy(['get', 'nothing'])
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toMatch(/^bothy: there is no kind "nothing"\n {2}to do: {2}the kinds are .*\n$/)
})

// Nine programs, each of which a busy machine starts in seconds.
test('nothing to talk to exits 5 and says how to start it, also as JSON', async () => {
  for (const args of [
    'get workspaces',
    'wait workspace/dev',
    'why workspace/dev',
    'start dev',
    'logs dev',
    'events',
    'delete workspace/dev',
  ]) {
    const { code, stderr } = bothy(args.split(' '))
    expect(`${args}: ${code} ${stderr}`).toMatch(
      /: 5 bothy: no control plane can be reached\n {2}where: .*\n {2}to do: {2}start it: bothy up\n$/,
    )
  }
  const { code, stderr } = bothy(['get', 'workspaces', '-o', 'json'])
  expect(code).toBe(5)
  expect(JSON.parse(stderr)).toMatchObject({ error: { code: 5, what: 'no control plane can be reached', fix: 'start it: bothy up' } })
  const refused = bothy(['get', 'workspaces'], { BOTHY_URL: 'http://127.0.0.1:9' })
  expect(refused.code).toBe(5)
  expect(refused.stderr).toMatch(/the control plane cannot be reached\n {2}where: {2}http:\/\/127\.0\.0\.1:9 \(BOTHY_URL\)/)
})

test('files that are not there exit 3', () => {
  expect(bothy(['apply', '-f', 'not-there.yaml'])).toMatchObject({
    code: 3,
    stderr: expect.stringMatching(/not-there\.yaml cannot be read/),
  })
  expect(bothy(['up', 'not-there'])).toMatchObject({ code: 3, stderr: expect.stringMatching(/there is no folder not-there/) })
})

test('what a machine is set up with wrongly is no bug of ours', () => {
  const state = join(temporaryFolder(), 'state')
  const up = (env: Readonly<Record<string, string>>) => {
    const { code, stderr } = bothy(['up', temporaryFolder(), '--state', state], env)
    return `${code} ${stderr}`
  }
  expect(up({ BOTHY_PORT: 'abc' })).toBe('2 bothy: BOTHY_PORT=abc: must be a whole number from 0 to 65535\n')
  expect(up({ DATABASE_URL: 'foo' })).toBe('2 bothy: DATABASE_URL must be a url that begins with postgres:// or postgresql://\n')
  expect(existsSync(state)).toBe(false)
  const away = up({ DATABASE_URL: 'postgres://ada@127.0.0.1:9/x', BOTHY_PORT: '0', BOTHY_APPS_PORT: '0' })
  expect(away).toMatch(/^1 bothy: Postgres at 127\.0\.0\.1:9\/x cannot be reached: .*\n {2}to do: {2}see that it runs/)
})

test('down of a state folder that is not there makes none', () => {
  const state = join(temporaryFolder(), 'state')
  expect(bothy(['down', '--state', state])).toEqual({ code: 0, stdout: `nothing runs: there is no ${state}\n`, stderr: '' })
  expect(existsSync(state)).toBe(false)
})

test('version says what it is and that nothing runs', () => {
  const { code, stdout } = bothy(['version', '-o', 'json'])
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toEqual({
    version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
    node: process.version,
    cluster: null,
    controlPlane: { url: null, from: null, version: null, problem: 'none is running here' },
  })
})

test('completions are scripts that their shells can read', () => {
  const { code, stdout } = bothy(['completion', 'bash'])
  expect(code).toBe(0)
  expect(spawnSync('bash', ['-n'], { input: stdout, encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' })
  // What is looked up is asked with what stands before the command.
  const asked = 'bothy() { echo "workspace/$*" | tr " " _; }'
  const forBash = (...typed: readonly string[]) => {
    const words = `COMP_WORDS=(bothy ${typed.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${typed.length}`
    return spawnSync('bash', ['-c', `${asked}\n${stdout}\n${words}; _bothy; echo "\${COMPREPLY[@]}"`], { encoding: 'utf8' }).stdout
  }
  expect(forBash('wh')).toBe('why\n')
  expect(forBash('-n', 'team', 'wh')).toBe('why\n')
  expect(forBash('-n', 'wh')).toBe('\n')
  expect(forBash('--conte')).toBe('--context\n')
  expect(forBash('-q', '--context', '=', 'prod', 'get', 'workspaces')).toBe('workspaces\n')
  expect(forBash('-q', '--context', '=', 'prod', 'exec', '')).toBe('-q_--context_prod_get_workspaces_-o_name_-q\n')
  const forKubectl = (...typed: readonly string[]) =>
    spawnSync('sh', ['-s', '--', ...typed], { input: bothy(['completion', 'kubectl']).stdout, encoding: 'utf8' }).stdout
  expect(forKubectl('wh')).toBe('why\n:4\n')
  expect(forKubectl('get', 'workspaces')).toBe('workspaces\n:4\n')
  expect(forKubectl('--context=prod', '-n', 'team', 'get', 'workspaces')).toBe('workspaces\n:4\n')
  expect(forKubectl('-n', 'wh')).toBe(':4\n')
  expect(forKubectl('get', '--conte')).toBe('--context\n:4\n')
  expect(forKubectl('template', 'v')).toBe('validate\nversions\n:4\n')
  expect(bothy(['completion', 'zsh']).stdout).toMatch(/^#compdef bothy\n/)
  expect(bothy(['completion', 'fish']).stdout).toContain("complete -c bothy -n __fish_use_subcommand -f -a why -d '")
})

test('doctor names every check, and a fix for each that is not fine', () => {
  const { code, stdout } = bothy(['doctor', '-o', 'json', '--port', '0'])
  const report = JSON.parse(stdout) as { ok: boolean; checks: { name: string; level: string; fix: string | null }[] }
  expect(report.checks.map(({ name }) => name)).toEqual([
    'Node',
    'Terraform',
    'sandbox',
    'providers',
    'state folder',
    'key',
    'disk',
    'database',
    'port',
    'control plane',
  ])
  expect(report.checks.filter(({ level, fix }) => level !== 'fine' && fix === null)).toEqual([])
  expect(code).toBe(report.checks.some(({ level }) => level === 'wrong') ? 1 : 0)
})

test('doctor looks at the port that bothy up would take', () => {
  expect(bothy(['doctor'], { BOTHY_PORT: '0' }).stdout).toMatch(/✓ port: 0 is free\n/)
  expect(bothy(['doctor'], { BOTHY_PORT: 'abc' }).stdout).toMatch(/✗ port: BOTHY_PORT=abc is no port\n {4}to do: /)
})

test('doctor finds a mirror that is not there', () => {
  const { code, stdout } = bothy(['doctor', '--port', '0'], { BOTHY_PROVIDER_MIRROR: '/no/such/mirror' })
  expect(code).toBe(1)
  expect(stdout).toMatch(/✗ providers: the mirror \/no\/such\/mirror is not there\n {4}to do: /)
})

test('doctor finds a terraform that is not there', () => {
  const { code, stdout } = bothy(['doctor', '--port', '0'], { BOTHY_TERRAFORM: '/no/such/terraform' })
  expect(code).toBe(1)
  expect(stdout).toMatch(/✗ Terraform: BOTHY_TERRAFORM=\/no\/such\/terraform cannot be run\n {4}to do: /)
})
