import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fetchScript, initScript } from '../../provider/init-script.ts'

const run = promisify(execFile)

let folder: string
let server: Server
let url: string
let asked: string[]
let archive: Buffer
let digest: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bothy-init-'))
  asked = []
  await writeFile(
    join(folder, 'bothy-agent'),
    '#!/bin/sh\necho "$BOTHY_AGENT_ID at $BOTHY_URL with $BOTHY_AGENT_TOKEN, ${CODER_AGENT_TOKEN-nothing else}"\n',
    { mode: 0o755 },
  )
  archive = (await run('tar', ['-czf', '-', '-C', folder, 'bothy-agent'], { encoding: 'buffer' })).stdout
  digest = createHash('sha256').update(archive).digest('hex')
  server = createServer((request, response) => {
    asked.push(request.url ?? '')
    if (request.url === '/bin/bothy-agent-linux-amd64.tar.gz.sha256') response.end(`${digest}  bothy-agent-linux-amd64.tar.gz\n`)
    else if (request.url === '/bin/bothy-agent-linux-amd64.tar.gz') response.end(archive)
    else response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`
})

afterEach(async () => {
  await new Promise((resolve) => server.close(resolve))
  await rm(folder, { recursive: true })
})

const start = (environment: Record<string, string>, accessUrl = url) => {
  const script = initScript({ agentId: "it's-me", os: 'linux', arch: 'amd64', accessUrl })
  return run('/bin/sh', ['-c', script], { env: { PATH: process.env['PATH'], HOME: folder, ...environment } })
}

test('it fetches the agent, checks it, and becomes it', async () => {
  const { stdout } = await start({ CODER_AGENT_TOKEN: 'secret' })
  expect(stdout).toEqual(`it's-me at ${url} with secret, nothing else\n`)
  expect(asked).toEqual(['/bin/bothy-agent-linux-amd64.tar.gz.sha256', '/bin/bothy-agent-linux-amd64.tar.gz'])
  expect(await readdir(join(folder, '.cache/bothy'))).toEqual([digest])
})

test('what was fetched once is kept', async () => {
  await start({ BOTHY_AGENT_TOKEN: 'secret' })
  asked.length = 0
  await start({ BOTHY_AGENT_TOKEN: 'secret' })
  expect(asked).toEqual(['/bin/bothy-agent-linux-amd64.tar.gz.sha256'])
})

test('the environment may name another control plane', async () => {
  const { stdout } = await start({ BOTHY_AGENT_TOKEN: 'secret', CODER_AGENT_URL: `${url}/` }, 'http://127.0.0.1:1')
  expect(stdout).toContain(`at ${url}/ with`)
})

test('an archive of another digest is not run, and leaves nothing behind', async () => {
  const wanted = digest
  archive = Buffer.concat([archive, Buffer.from('x')])
  await expect(start({ BOTHY_AGENT_TOKEN: 'secret' })).rejects.toThrow(`not ${wanted}`)
  expect(await readdir(join(folder, '.cache/bothy'))).toEqual([])
})

test('without a token it says what is missing', async () => {
  await expect(start({})).rejects.toThrow("set BOTHY_AGENT_TOKEN to the agent's token")
})

/** For an address of this machine, signed by itself: an authority that nobody knows. */
async function certify(): Promise<{ readonly key: string; readonly cert: string; readonly file: string }> {
  const fresh = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout tls.key -out tls.crt -subj /CN=bothy'
  await run('openssl', [...fresh.split(' '), '-addext', 'subjectAltName=IP:127.0.0.1'], { cwd: folder })
  const [key, cert] = await Promise.all(['tls.key', 'tls.crt'].map((name) => readFile(join(folder, name), 'utf8')))
  return { key: key ?? '', cert: cert ?? '', file: join(folder, 'tls.crt') }
}

/** A folder of programs in which the one that fetches is the only one of its kind. */
async function onlyWith(program: string): Promise<string> {
  const bin = await mkdtemp(join(folder, 'bin-'))
  for (const name of [
    'sh',
    'uname',
    'mktemp',
    'rm',
    'mkdir',
    'chmod',
    'mv',
    'tar',
    'gzip',
    'sha256sum',
    'sed',
    'cut',
    'tail',
    'head',
    'sleep',
    'id',
    program,
  ]) {
    const { stdout } = await run('sh', ['-c', `command -v ${name}`])
    await symlink(stdout.trim(), join(bin, name))
  }
  return bin
}

test.each(['curl', 'wget'])('an authority of its own is trusted where the environment names one, by %s', async (program) => {
  const { key, cert, file } = await certify()
  const answering = server.listeners('request')[0] as RequestListener
  const secure = createSecureServer({ key, cert }, answering)
  await new Promise<void>((resolve) => secure.listen(0, '127.0.0.1', resolve))
  const address = secure.address()
  const at = `https://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`
  const into = join(folder, 'program')
  await mkdir(into)
  try {
    const environment = { PATH: await onlyWith(program), BOTHY_URL: at, CURL_CA_BUNDLE: file, SSL_CERT_FILE: file }
    await run('/bin/sh', ['-c', fetchScript(into)], { env: environment, timeout: 20_000 })
    expect(await readdir(into)).toContain('bothy-agent')
  } finally {
    await new Promise((resolve) => secure.close(resolve))
  }
})
