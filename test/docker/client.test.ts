import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../controller/kernel/clock.ts'
import { DockerAway, DockerRefused, openDocker, type Docker } from '../../controller/machines/docker.ts'
import { firstFile } from '../../controller/machines/engine-objects.ts'
import { uidIn } from '../../controller/machines/token-file.ts'
import { temporaryFolder } from '../support/temporary.ts'

/** What the client does about daemons of other versions, and about whatever else may listen at a socket. The real daemon has tests of its own. */

type Answers = (request: IncomingMessage, response: ServerResponse) => void

async function listening(answers: Answers, folder = temporaryFolder()): Promise<{ readonly docker: Docker; readonly asked: string[] }> {
  const socket = join(folder, 'docker.sock')
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    answers(request, response)
  })
  await new Promise<void>((resolve) => server.listen(socket, resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { docker: openDocker({ sockets: [join(folder, 'none.sock'), socket], clock: systemClock }), asked }
}

const speaking =
  (version: string, answers: Answers = (_request, response) => void response.end('{}')): Answers =>
  (request, response) => {
    if (request.url !== '/_ping') return answers(request, response)
    response.setHeader('api-version', version)
    response.end('OK')
  }

const errorOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => null,
    (error: unknown) => error,
  )

test.each([
  ['1.41', '/v1.41/info'],
  ['1.47', '/v1.47/info'],
  ['1.99', '/v1.47/info'],
  ['2.0', '/v1.47/info'],
])('a daemon that speaks %s is asked in the newest version that both know', async (version, path) => {
  const { docker, asked } = await listening(speaking(version))
  await docker.call('GET', '/info')
  await docker.call('GET', '/info')
  expect(asked).toEqual(['GET /_ping', `GET ${path}`, `GET ${path}`])
})

test('a daemon that is too old, and a server that is no Docker, are said to be that', async () => {
  const { docker: old } = await listening(speaking('1.20'))
  expect(String(await errorOf(old.ping()))).toContain('speaks version 1.20, at least 1.30 is needed')
  const { docker: other } = await listening((_request, response) => void response.end('hello'))
  expect(await errorOf(other.ping())).toBeInstanceOf(DockerAway)
  expect(String(await errorOf(other.ping()))).toContain('is no Docker')
})

test('where nobody listens, every place is named', async () => {
  const docker = openDocker({ sockets: ['/none.sock/a', '/none.sock/b'], clock: systemClock })
  const error = await errorOf(docker.call('GET', '/info'))
  expect(error).toBeInstanceOf(DockerAway)
  expect(String(error)).toContain('nothing listens at /none.sock/a or /none.sock/b')
})

test('what the daemon refuses is told in its words, whatever their form', async () => {
  const { docker } = await listening(
    speaking('1.41', (request, response) => {
      response.statusCode = request.url?.includes('json') ? 404 : 500
      response.end(request.url?.includes('json') ? '{"message":"No such container: x"}' : 'plain words\n')
    }),
  )
  const missing = await errorOf(docker.call('GET', '/containers/x/json'))
  expect(missing).toMatchObject({ status: 404, message: 'No such container: x' })
  expect(missing).toBeInstanceOf(DockerRefused)
  expect(await errorOf(docker.call('POST', '/containers/x/start'))).toMatchObject({ status: 500, message: 'plain words' })
  expect(await errorOf(docker.stream('POST', '/images/create'))).toMatchObject({ message: 'plain words' })
})

test('an answer that does not come, does not end, breaks off or is too long ends the call', async () => {
  const { docker } = await listening(
    speaking('1.41', (request, response) => {
      if (request.url === '/v1.41/never') return
      response.write('{"part":')
      if (request.url === '/v1.41/half') return
      if (request.url === '/v1.41/broken') return void response.destroy()
      const mebibyte = 'x'.repeat(2 ** 20)
      const pour = () => {
        while (!response.destroyed && response.write(mebibyte));
      }
      response.on('drain', pour)
      pour()
    }),
  )
  for (const path of ['/never', '/half', '/broken', '/long']) {
    const error = await errorOf(docker.call('GET', path, { limitMs: path === '/long' ? 20_000 : 100 }))
    expect(`${path} ${String(error)}`).toMatch(/did not answer within|broke off|hang up/)
    expect(error).toBeInstanceOf(DockerAway)
  }
})

test('whoever stops asking is no daemon that is away', async () => {
  const { docker } = await listening(speaking('1.41', () => {}))
  const stop = new AbortController()
  const asking = errorOf(docker.call('GET', '/never', { signal: stop.signal }))
  await docker.ping()
  stop.abort()
  const error = await asking
  expect(error).toBeInstanceOf(Error)
  expect(error).not.toBeInstanceOf(DockerAway)
})

test('tars and lists of users are read without trust', () => {
  const header = Buffer.alloc(512)
  header.write('etc/passwd')
  header.write('00000000005', 124)
  header.write('0', 156)
  expect(firstFile(Buffer.concat([header, Buffer.from('hello'.padEnd(512, '\0'))]))?.toString()).toBe('hello')
  header.write('zzzzzzzzzzz', 124)
  expect(firstFile(header)).toBeNull()
  expect(firstFile(Buffer.alloc(100))).toBeNull()
  const passwd = 'root:x:0:0\nada:x:1815:1815:Ada\nbroken\nodd:x:-1:0\n'
  expect(['root', 'ada', 'broken', 'odd', 'none'].map((name) => uidIn(passwd, name))).toEqual([0, 1815, null, null, null])
})
