import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { withDatabase } from '../support/postgres.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { createWorld, workspace } from './world.ts'

const { db } = await withDatabase()

/** A repository of modules, served as plain files over http, and what was asked of it. */
async function repository(): Promise<{ readonly url: string; readonly asked: string[] }> {
  const folder = temporaryFolder('bothy-modules-')
  const asked: string[] = []
  const server = createServer((request, response) => {
    const path = join(folder, new URL(request.url ?? '', 'http://x').pathname)
    asked.push(path)
    const found = existsSync(path) && statSync(path).isFile()
    response.writeHead(found ? 200 : 404).end(found ? readFileSync(path) : undefined)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const place = server.address()
  const host = `http://127.0.0.1:${typeof place === 'object' && place ? place.port : 0}`
  const work = join(folder, 'work')
  for (const name of ['words', 'inner', 'outer']) mkdirSync(join(work, name), { recursive: true })
  writeFileSync(join(work, 'inner', 'main.tf'), 'output "word" { value = "inner" }\n')
  writeFileSync(join(work, 'outer', 'main.tf'), `module "x" {\n  source = "git::${host}/other.git//inner"\n}\n`)
  writeFileSync(join(work, 'words', 'text'), 'hello')
  symlinkSync('text', join(work, 'words', 'beside'))
  symlinkSync('/etc/hostname', join(work, 'words', 'outside'))
  writeFileSync(
    join(work, 'words', 'main.tf'),
    'module "inner" { source = "../inner" }\noutput "said" { value = "${file("${path.module}/beside")} ${module.inner.word} ${fileexists("${path.module}/outside")}" }\n',
  )
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=x', '-c', 'user.email=x@example.com', ...args], { cwd: work, stdio: 'ignore' })
  git('init', '-q')
  git('add', '.')
  git('commit', '-qm', 'x')
  for (const name of ['modules.git', 'other.git']) {
    git('clone', '-q', '--bare', '.', join(folder, name))
    execFileSync('git', ['update-server-info'], { cwd: join(folder, name) })
  }
  return { url: `git::${host}/modules.git`, asked }
}

const template = (url: string) => ({
  'main.tf': `module "words" {\n  source = "${url}//words"\n}\noutput "said" { value = module.words.said }\n`,
})

for (const isolation of ['required', 'none'] as const) {
  test(`modules from a repository are fetched at the import, and never by a build (sandbox ${isolation})`, async () => {
    const { url, asked } = await repository()
    const world = await createWorld(db)
    await world.provisioner({ isolation, sources: { providers: [], modules: [`${url}//*`], mirror: null, direct: false } })
    const digest = await world.template(template(url))
    const imported = await world.ended(await world.importOf(digest))
    expect([imported.phase, imported.error]).toEqual(['Succeeded', null])
    const count = asked.length
    expect(count).toBeGreaterThan(0)
    const job = await world.ended(await world.build(workspace(), digest))
    expect([job.phase, job.error, job.result?.outputs]).toEqual(['Succeeded', null, { said: 'hello inner false' }])
    expect(asked).toHaveLength(count)
  })
}

test('a repository that is too large is not fetched to its end', async () => {
  const { url } = await repository()
  const world = await createWorld(db)
  await world.provisioner({
    buildLimits: { fetchedFiles: 10 },
    sources: { providers: [], modules: [`${url}//*`], mirror: null, direct: false },
  })
  const imported = await world.ended(await world.importOf(await world.template(template(url))))
  expect([imported.phase, imported.errorReason]).toEqual(['Failed', 'LimitExceeded'])
  expect(imported.error).toContain('more than 10 files')
})

test('a module that is asked for by a module is judged as well', async () => {
  const { url } = await repository()
  const world = await createWorld(db)
  await world.provisioner({ sources: { providers: [], modules: ['git::http://127.0.0.1:1/*'], mirror: null, direct: false } })
  const job = await world.ended(
    await world.importOf(await world.template({ 'm/main.tf': template(url)['main.tf'], 'main.tf': 'module "m" {\n  source = "./m"\n}\n' })),
  )
  expect([job.phase, job.errorReason]).toEqual(['Failed', 'ProviderUnavailable'])
  expect(job.error).toMatch(/^m\/main\.tf:2:3: the module git::http/)
})

test('a module that a fetched module asks for must be allowed too', async () => {
  const { url } = await repository()
  const world = await createWorld(db)
  await world.provisioner({ sources: { providers: [], modules: [`${url}//*`], mirror: null, direct: false } })
  const job = await world.ended(
    await world.importOf(await world.template({ 'main.tf': `module "m" {\n  source = "${url}//outer"\n}\n` })),
    30_000,
  )
  expect([job.phase, job.errorReason]).toEqual(['Failed', 'ProviderUnavailable'])
  expect(job.error).toMatch(/^module m\.x: the module git::http.*other\.git\/\/inner is not allowed here/)
})
