import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** Debian's smallest root file system, made from its packages, and programs that run in it with no more than an image has. */

const SUITE = 'bookworm'
/** Counted up when what is in it changes. */
const EDITION = 1
const FETCHERS = ['busybox', 'curl', 'wget'] as const
export type Fetcher = (typeof FETCHERS)[number]

const cached = (): string =>
  join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'bothy-test', `debian-${SUITE}-${process.arch}-${EDITION}.tar`)

/** null: it can be made here. Otherwise what is missing, and how to get it. */
export function whyNoDebian(): string | null {
  if (process.getuid?.() !== 0) return 'only root can run a root file system as root and as others'
  if (!existsSync(cached()) && spawnSync('mmdebstrap', ['--version']).status !== 0)
    return 'mmdebstrap is missing: apt-get install mmdebstrap'
  if (spawnSync('unshare', ['--mount', '--pid', '--fork', 'true']).status !== 0) return 'no mount and process namespaces can be made here'
  return null
}

/** Made once for all runs; answers where it is. */
export function makeDebian(): string {
  const archive = cached()
  if (existsSync(archive)) return archive
  mkdirSync(join(archive, '..'), { recursive: true })
  const making = `${archive}.${process.pid}`
  try {
    const made = spawnSync(
      'mmdebstrap',
      ['--quiet', '--variant=minbase', '--format=tar', `--include=${FETCHERS.join(',')}`, SUITE, making],
      {
        encoding: 'utf8',
      },
    )
    if (made.status !== 0) throw new Error(`mmdebstrap: ${made.stderr}`)
    renameSync(making, archive)
    return archive
  } finally {
    rmSync(making, { force: true })
  }
}

/** One root file system for a file's tests; each start sees it with one program that can fetch, or with none. */
export interface Debian {
  readonly root: string
  /** Runs a script by sh, as that user, with nothing in its environment but what is given. Ended with the test. */
  start(user: User, fetcher: Fetcher | null, script: string, env?: Readonly<Record<string, string>>): Started
  remove(): void
}

export type User = 'root' | 'nobody'

export interface Started {
  readonly output: () => string
  readonly exited: Promise<number>
}

/** Whoever changes its user outlives its parent; the first process of the namespace stays root, and takes the rest with it. */
const ENTER = `mount --rbind /dev "$0/dev" && mount -t proc proc "$0/proc" || exit 1
who=$1; hidden=$2; shift 2
for name in $hidden; do mount --bind /dev/null "$0/usr/bin/$name" || exit 1; done
trap 'kill -TERM "$child"' TERM
chroot --userspec="$who" "$0" "$@" &
child=$!
wait "$child"; code=$?
while kill -0 "$child" 2>/dev/null; do wait "$child"; code=$?; done
exit "$code"`

const UIDS: Readonly<Record<User, string>> = { root: '0:0', nobody: '65534:65534' }

export function debian(): Debian {
  const root = mkdtempSync(join(tmpdir(), 'bothy-debian-'))
  chmodSync(root, 0o755)
  execFileSync('tar', ['-xf', cached(), '-C', root, '--exclude=./dev/*', '--exclude=./usr/share/*'])
  return {
    root,
    remove: () => rmSync(root, { recursive: true, force: true }),
    start(user, fetcher, script, env = {}) {
      const variables = Object.entries({ PATH: '/usr/local/bin:/usr/bin:/bin', ...env }).map(([name, value]) => `${name}=${value}`)
      const inside = ['/usr/bin/env', '-i', ...variables, '/bin/sh', '-c', script]
      const hidden = FETCHERS.filter((each) => each !== fetcher).join(' ')
      const child = spawn(
        'unshare',
        ['--mount', '--pid', '--fork', '--kill-child', 'sh', '-c', ENTER, root, UIDS[user], hidden, ...inside],
        {
          stdio: ['ignore', 'pipe', 'pipe'],
        },
      )
      let output = ''
      child.stdout.on('data', (data: Buffer) => (output += data.toString()))
      child.stderr.on('data', (data: Buffer) => (output += data.toString()))
      const exited = new Promise<number>((resolve) => child.on('close', (code, signal) => resolve(signal ? 128 : (code ?? 1))))
      onTestFinished(async () => {
        child.kill('SIGKILL')
        await exited
      })
      return { output: () => output, exited }
    },
  }
}
