import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { initScript } from '../../provider/init-script.ts'

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
