import { execFile, execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, renameSync, rmSync, statSync } from 'node:fs'
import { utimesSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { systemClock } from '../../controller/kernel/clock.ts'
import { makeDebian, whyNoDebian } from '../agent-program/debian.ts'
import { alone, cacheFolder } from '../cluster/programs.ts'
import { dockerMissing, startDocker } from '../support/docker.ts'
import { ROOT } from './deployed.ts'
import { zipOf } from './zip.ts'

/** The image, built from its file by a real Docker, on a Debian of our own instead of a registry's. */

/** Why it cannot be built here; null: it can. */
export const noImage: string | null = dockerMissing() ?? whyNoDebian()

/** As the manifests name it. */
export const IMAGE = 'bothy:0.1.0'

const VERSION = '1.11.4'
const FILE = join(ROOT, 'deploy/image/Dockerfile')
const KEPT = 2

export interface Said {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface Builder {
  readonly docker: (...args: string[]) => Promise<Said>
  /** With the sum of another terraform than the one that is there, or with its own. */
  readonly build: (sha256?: string) => Promise<Said>
  close(): Promise<void>
}

export async function imageBuilder(): Promise<Builder> {
  const base = mkdtempSync(join(tmpdir(), 'bothy-image-'))
  const daemon = await startDocker()
  const terraform = await releasesAt(base)
  const docker = (...args: string[]): Promise<Said> =>
    new Promise((settle) => {
      const env = { PATH: process.env['PATH'], HOME: base, DOCKER_BUILDKIT: '0' }
      execFile('docker', ['--host', `unix://${daemon.socket}`, ...args], { env, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) =>
        settle({ code: error ? Number(error.code) : 0, stdout, stderr }),
      )
    })
  await must(docker('import', makeDebian(), 'bothy-test-debian'))
  await imageWithNpm(base, docker)
  return {
    docker,
    build(sha256 = terraform.sha256) {
      const given = {
        NODE_IMAGE: 'bothy-test-npm',
        BASE_IMAGE: 'bothy-test-debian',
        TERRAFORM_RELEASES: terraform.url,
        TERRAFORM_SHA256_AMD64: sha256,
        TERRAFORM_SHA256_ARM64: sha256,
      }
      const flags = Object.entries(given).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`])
      return docker('build', '--network', 'host', '--file', FILE, '--tag', IMAGE, ...flags, ROOT)
    },
    async close() {
      terraform.close()
      await daemon.close()
      rmSync(base, { recursive: true, force: true })
    },
  }
}

export async function must(said: Promise<Said>): Promise<string> {
  const { code, stdout, stderr } = await said
  if (code !== 0) throw new Error(`${stdout.slice(-4000)}${stderr}`)
  return stdout
}

/** Its archive, as `docker save` writes it: built once for all that goes into it, and kept outside of the clone. */
export const theImage = (): Promise<string> =>
  withArchive(async (archive) => {
    if (existsSync(archive)) return
    const builder = await imageBuilder()
    try {
      await make(builder, archive)
    } finally {
      await builder.close()
    }
  })

/** Among the images of a builder: made there for all who want its archive, or taken from that. */
export const imageIn = (builder: Builder): Promise<string> =>
  withArchive(async (archive) => {
    if (existsSync(archive)) await must(builder.docker('load', '--input', archive))
    else await make(builder, archive)
  })

/** One at a time: the others find what the first has made. */
async function withArchive(work: (archive: string) => Promise<void>): Promise<string> {
  const archive = join(cacheFolder(), `image-${digest()}.tar`)
  mkdirSync(cacheFolder(), { recursive: true })
  await alone(`${archive}.lock`, () => work(archive))
  utimesSync(archive, new Date(systemClock.now()), new Date(systemClock.now()))
  return archive
}

async function make(builder: Builder, archive: string): Promise<void> {
  await must(builder.build())
  await keep(builder, archive)
}

/** Each is of half a gigabyte, and each change of a source makes another. */
async function keep(builder: Builder, archive: string): Promise<void> {
  const making = `${archive}.${process.pid}`
  try {
    await must(builder.docker('save', '--output', making, IMAGE))
    renameSync(making, archive)
  } finally {
    rmSync(making, { force: true })
  }
  const others = readdirSync(cacheFolder())
    .filter((name) => /^image-[0-9a-f]{16}\.tar$/.test(name))
    .map((name) => join(cacheFolder(), name))
    .toSorted((one, other) => statSync(other).mtimeMs - statSync(one).mtimeMs)
  for (const old of others.slice(KEPT)) rmSync(old, { force: true })
}

/** Of all that .dockerignore lets pass, the file itself, and what it is built on. */
function digest(): string {
  const ignored = readFileSync(join(ROOT, '.dockerignore'), 'utf8')
  const passed = [...ignored.matchAll(/^!(.+)$/gm)].flatMap(([, name]) => name ?? [])
  const files = passed
    .flatMap((name) =>
      statSync(join(ROOT, name)).isFile()
        ? [name]
        : readdirSync(join(ROOT, name), { recursive: true, withFileTypes: true })
            .filter((entry) => entry.isFile())
            .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length + 1)),
    )
    .toSorted()
  const hash = createHash('sha256').update(JSON.stringify([ignored, process.version, makeDebian(), statSync(terraformHere()).size]))
  for (const name of [...files, 'deploy/image/Dockerfile']) hash.update(`\0${name}\0`).update(readFileSync(join(ROOT, name)))
  return hash.digest('hex').slice(0, 16)
}

/** The pinned Node with the npm of this machine, which trusts what this machine trusts. */
async function imageWithNpm(base: string, docker: Builder['docker']): Promise<void> {
  const context = join(base, 'npm')
  mkdirSync(context)
  const npm = dirname(dirname(realpathSync(execFileSync('which', ['npm'], { encoding: 'utf8' }).trim())))
  cpSync(npm, join(context, 'npm'), { recursive: true, dereference: true })
  cpSync(process.execPath, join(context, 'node'))
  const authorities = process.env['NODE_EXTRA_CA_CERTS'] ?? ''
  writeFileSync(join(context, 'ca.crt'), existsSync(authorities) ? readFileSync(authorities) : '')
  writeFileSync(
    join(context, 'Dockerfile'),
    [
      'FROM bothy-test-debian',
      'COPY node /usr/local/bin/node',
      'COPY npm /usr/local/lib/npm',
      'COPY ca.crt /usr/local/lib/ca.crt',
      `ENV npm_config_registry=${execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()}`,
      ...(authorities ? ['ENV NODE_EXTRA_CA_CERTS=/usr/local/lib/ca.crt'] : []),
      `RUN printf '#!/bin/sh\\nexec node /usr/local/lib/npm/bin/npm-cli.js "$@"\\n' > /usr/local/bin/npm && chmod 755 /usr/local/bin/npm`,
    ].join('\n'),
  )
  await must(docker('build', '--network', 'host', '--tag', 'bothy-test-npm', context))
}

const terraformHere = (): string => realpathSync(execFileSync('which', ['terraform'], { encoding: 'utf8' }).trim())

/** The terraform of this machine, served as its makers serve theirs. */
async function releasesAt(base: string): Promise<{ readonly url: string; readonly sha256: string; close(): void }> {
  const zip = zipOf('terraform', readFileSync(terraformHere()))
  writeFileSync(join(base, 'terraform.zip'), zip)
  const platform = process.arch === 'x64' ? 'amd64' : process.arch
  const server = createServer((request, response) => {
    if (request.url === `/${VERSION}/terraform_${VERSION}_linux_${platform}.zip`) response.end(zip)
    else response.writeHead(404).end()
  })
  await new Promise<void>((settle) => server.listen(0, '127.0.0.1', settle))
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, sha256: createHash('sha256').update(zip).digest('hex'), close: () => void server.close() }
}
