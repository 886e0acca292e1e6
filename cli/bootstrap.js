#!/usr/bin/env node
// Plain JavaScript for Node 18 and later: makes this checkout able to run, once, and runs things on the Node it pins.
//   node cli/bootstrap.js COMMAND [ARG …]     a task below, or a program of node_modules/.bin, on the pinned Node
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { argv, env, execPath, exit, kill, pid, platform, arch, stderr, version } from 'node:process'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))
const modules = join(root, 'node_modules')
const stamp = join(modules, '.bothy-installed')
const NODE_MIN = [22, 22]

/** Each task is a list of commands; the first that fails ends it. */
const TASKS = {
  check: [
    ['oxfmt', '--check', '.'],
    ['oxlint', '--quiet', '.'],
    ['tsc', '-p', '.', '--noEmit'],
    ['vitest', 'run', '--project', 'house'],
  ],
  generate: [
    ['node', 'crds/generate.ts'],
    ['node', 'provider/generate-constructs.ts'],
    ['node', 'provider/generate-docs.ts'],
    ['node', 'deploy/generate-chart.ts'],
  ],
  verify: [
    ['node', 'crds/generate.ts', '--check'],
    ['node', 'provider/generate-constructs.ts', '--check'],
    ['node', 'provider/generate-docs.ts', '--check'],
    ['node', 'deploy/generate-chart.ts', '--check'],
  ],
  soak: [['vitest', 'run', '--mode', 'soak']],
}

/** Installs what package-lock.json names, when it is not there or names something else than last time. */
export function install() {
  if (!existsSync(join(root, 'package-lock.json'))) return
  const wanted = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .update(`${platform} ${arch}`)
    .digest('hex')
  if (installed() === wanted) return
  const release = lock()
  try {
    if (installed() === wanted) return
    stderr.write('bothy: installing what it needs into node_modules (once) …\n')
    const startedAt = Date.now()
    let npm = installAll()
    // What an installation that was broken off has left stands in npm's own way.
    if (npm.status !== 0 && /ENOTEMPTY|EEXIST/.test(npm.stderr ?? '')) {
      rmSync(modules, { recursive: true, force: true, maxRetries: 5 })
      npm = installAll()
    }
    if (npm.status !== 0) {
      stderr.write(`${npm.stdout ?? ''}${npm.stderr ?? ''}`)
      stderr.write(`bothy: npm ci failed${npm.error ? ` (${npm.error.message})` : ''}. See that npm is on PATH and reaches its registry.\n`)
      exit(1)
    }
    buildFasterCrypto()
    writeFileSync(stamp, wanted)
    stderr.write(`bothy: installed in ${((Date.now() - startedAt) / 1000).toFixed(1)} s\n`)
  } finally {
    release()
  }
}

const installAll = () =>
  spawnSync('npm', ['ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    encoding: 'utf8',
    shell: platform === 'win32',
    env: { ...env, NODE_ENV: '' },
  })

/** ssh2's ciphers in C++, for the Node that runs them. Where there is no compiler the ones in JavaScript do the same, slower. */
function buildFasterCrypto() {
  const addon = join(modules, 'ssh2', 'lib', 'protocol', 'crypto')
  const headers = join(dirname(pinnedNode()), '..')
  if (!existsSync(addon) || !existsSync(join(headers, 'include', 'node', 'node.h'))) return
  // npm has the builder with it, and puts it on PATH for what it executes; it downloads nothing.
  // In the environment, where it goes before what a person's own npm is set up with; as an argument it would not.
  const build = spawnSync('npm', ['exec', '--offline', '-c', 'node-gyp rebuild'], {
    cwd: addon,
    encoding: 'utf8',
    env: { ...environment(), npm_config_nodedir: headers },
  })
  if (build.status !== 0)
    stderr.write('bothy: no C++ compiler, so ssh ciphers run in JavaScript: everything works, large transfers are slower\n')
}

const installed = () => (existsSync(stamp) ? readFileSync(stamp, 'utf8') : '')

/** Two first commands at the same time must not install into one folder. A lock whose process is gone is nobody's. */
function lock() {
  const folder = join(root, '.cache')
  const file = join(folder, 'install.lock')
  mkdirSync(folder, { recursive: true })
  for (;;) {
    try {
      writeFileSync(file, String(pid), { flag: 'wx' })
      return () => rmSync(file, { force: true })
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
      if (!alive(Number(readFileSync(file, 'utf8'))) && Date.now() - statSync(file).mtimeMs > 1000) rmSync(file, { force: true })
      else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
    }
  }
}

function alive(other) {
  try {
    return other > 0 && kill(other, 0)
  } catch (error) {
    return error.code === 'EPERM'
  }
}

/** The Node that the lock file pins; where none is published for this platform, a new enough one on PATH. */
export function pinnedNode() {
  const pinned = join(modules, `node-${platform}-${arch}`, 'bin', 'node')
  if (existsSync(pinned)) return pinned
  const [major = 0, minor = 0] = version.slice(1).split('.').map(Number)
  if (major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])) return execPath
  stderr.write(`bothy: no Node is published for ${platform} ${arch} as a package, and the one on PATH is ${version}.\n`)
  stderr.write(`Install Node ${NODE_MIN.join('.')} or newer, and run the same command again.\n`)
  exit(1)
}

/** The environment in which `node` is the pinned one and compiled code is kept between runs. */
export const environment = () => ({
  ...env,
  PATH: [dirname(pinnedNode()), join(modules, '.bin'), env.PATH].join(delimiter),
  NODE_COMPILE_CACHE: env.NODE_COMPILE_CACHE ?? join(modules, '.cache', 'compile'),
})

/** Runs one command to its end, passing signals on, and answers its exit code. */
export function run(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: 'inherit', env: environment(), cwd: root })
    // The terminal sends Ctrl-C to the child as well: what it means is the child's to decide.
    process.on('SIGINT', () => {})
    process.on('SIGTERM', () => child.kill('SIGTERM'))
    child.on('error', (error) => (stderr.write(`bothy: ${command}: ${error.message}\n`), resolve(127)))
    child.on('exit', (code, signal) => resolve(signal ? 1 : (code ?? 1)))
  })
}

async function main([name, ...args]) {
  if (!name) {
    stderr.write(`usage: node cli/bootstrap.js ${Object.keys(TASKS).join('|')}|PROGRAM [ARG …]\n`)
    return 2
  }
  install()
  for (const [command, ...fixed] of TASKS[name] ?? [[name]]) {
    const code = await run(command, [...fixed, ...args])
    if (code !== 0) return code
  }
  return 0
}

if (argv[1] && fileURLToPath(import.meta.url) === realpathSync(argv[1])) exit(await main(argv.slice(2)))
