import { execFile, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { endAllOf, root } from '../support/bothy.ts'
import { rootfs } from '../support/docker.ts'
import { noNode, theNode, type TestNode } from '../support/node.ts'
import { until } from '../support/until.ts'
import { IMAGE } from './home.ts'

const run = promisify(execFile)
const example = join(root, 'examples', '05-kubernetes-pod')

describe.skipIf(noNode !== null)("the fifth example's README", () => {
  let node: TestNode
  beforeAll(async () => {
    node = await theNode({ images: [{ name: IMAGE, layer: rootfs(tmpdir(), {}) }] })
  }, 300_000)

  test('does what it says, command by command, as it is written', { timeout: 500_000 }, async () => {
    const text = readFileSync(join(example, 'README.md'), 'utf8')
    const blocks = [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map((block) => (block[1] ?? '').trim().split('\n'))
    const [[prepare = '', up = ''] = [], rest = []] = blocks
    expect([prepare, up]).toEqual(['kubectl create namespace workspaces', 'npx bothy up .'])
    expect(rest.length).toBeGreaterThan(8)

    const home = mkdtempSync(join(tmpdir(), 'bothy-readme-'))
    mkdirSync(join(home, 'h'))
    onTestFinished(async () => {
      await endAllOf(home)
      rmSync(home, { recursive: true, force: true })
    })
    // As the README says to set it, with what is this test's own.
    expect([...text.matchAll(/export ([^\n]*)/g)].flatMap((line) => (line[1] ?? '').match(/[A-Z_]+(?==)/g) ?? [])).toEqual([
      'BOTHY_STATE',
      'BOTHY_KUBECONFIG',
      'KUBECONFIG',
      'BOTHY_POD_NAMESPACE',
      'BOTHY_HOST',
      'BOTHY_INSECURE',
    ])
    const path = (process.env['PATH'] ?? '').split(delimiter).filter((each) => !each.includes('node_modules'))
    const env = {
      PATH: path.join(delimiter),
      HOME: join(home, 'h'),
      NO_COLOR: '1',
      LANG: 'C.UTF-8',
      BOTHY_USER: 'ada',
      BOTHY_PORT: '0',
      BOTHY_STATE: join(home, 'state'),
      BOTHY_KUBECONFIG: node.kubeconfig,
      KUBECONFIG: node.kubeconfig,
      BOTHY_POD_NAMESPACE: 'workspaces',
      BOTHY_HOST: node.host,
      BOTHY_INSECURE: '1',
    }
    const sh = (command: string) => run('bash', ['-c', command], { cwd: example, env })
    await sh(prepare)
    const running = spawn('bash', ['-c', up], { cwd: example, env })
    let output = ''
    running.stdout.on('data', (data: Buffer) => (output += data.toString()))
    running.stderr.on('data', (data: Buffer) => (output += data.toString()))
    await until('bothy to be up', () => output.includes('bothy is up'), { limitMs: 180_000 }).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${output}`)
    })

    const printed: string[] = []
    for (const command of rest) printed.push((await sh(command)).stdout)
    const said = (part: string) => printed.filter((_, at) => rest[at]?.includes(part))
    expect(said('hostname')[0]).toMatch(/^This home stays when the workspace stops\.\nbothy-[0-9a-f]{8}-main\n$/)
    const [whileRunning = '', whileStopped = ''] = said('kubectl get')
    expect(whileRunning).toMatch(/pod\/bothy-[\s\S]*persistentvolumeclaim\/bothy-/)
    expect(whileStopped).not.toContain('pod/')
    expect(whileStopped).toContain('Bound')
    expect(said('cat /home/dev')[0]).toBe('This home stays when the workspace stops.\n')
  })
})
