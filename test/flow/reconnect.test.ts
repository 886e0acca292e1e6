import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { FRAME, frameReader, jsonFrame, offsetAndData, offsetFrame, type TerminalStart } from '../../agent/protocol.ts'
import { COMPILED } from '../support/compiled.ts'
import { killQuietly, root, temporaryHome, type Home } from '../support/bothy.ts'
import { isSoak } from '../support/soak.ts'
import { until } from '../support/until.ts'

/** The whole control plane is killed and started again while people are at work in a workspace. */

const KILLS = isSoak ? 10 : 3

async function usable(home: Home): Promise<void> {
  await until('a usable workspace', async () => (await home.run(['exec', 'dev', '--', 'true'])).code === 0, {
    limitMs: 60_000,
    everyMs: 250,
  })
}

/** A page of a browser that comes back whenever it is cut off. */
function terminal(home: Home, id: string) {
  const decoder = { text: '', offset: null as number | null, typed: 0 }
  const pids: number[] = []
  let socket: WebSocket | null = null
  let over = false
  const again = () => void setTimeout(connect, 50)
  function connect() {
    if (over) return
    const [url, token] = ['url', 'token'].map((name) => {
      try {
        return readFileSync(join(home.state, name), 'utf8').split('\n')[0] ?? ''
      } catch {
        return ''
      }
    })
    if (!url) return again()
    const path = `${url.replace('http', 'ws')}/apis/bothy.dev/v1alpha1/namespaces/default/workspaces/dev/terminal`
    const next = new WebSocket(path, { headers: { authorization: `Bearer ${token}` } })
    const read = frameReader((type, payload) => {
      if (type === FRAME.started) {
        const told = JSON.parse(payload.toString())
        pids.push(told.pid)
        if (told.reset) decoder.text = ''
        decoder.offset = told.offset
      } else if (type === FRAME.stdout) {
        const { offset, data } = offsetAndData(payload)
        expect(offset).toBe(decoder.offset)
        decoder.offset = offset + data.length
        decoder.text += data.toString()
      }
    })
    next.on('open', () => {
      decoder.typed = 0
      socket = next
      const start: TerminalStart = {
        id,
        size: { cols: 80, rows: 24 },
        create: pids.length === 0,
        argv: ['sh'],
        cwd: null,
        env: { PS1: '$ ' },
        offset: decoder.offset,
      }
      next.send(jsonFrame(FRAME.start, start))
    })
    next.on('message', (data: Buffer) => read(data))
    next.on('error', () => {})
    next.on('close', again)
  }
  again()
  onTestFinished(() => {
    over = true
    socket?.terminate()
  })
  return {
    pids,
    text: () => decoder.text,
    type(keys: string) {
      socket?.send(offsetFrame(FRAME.stdin, decoder.typed, Buffer.from(keys)))
      decoder.typed += Buffer.byteLength(keys)
    },
  }
}

test(`killed ${KILLS} times under a terminal and an exec: both go on, and no byte is lost or doubled`, { timeout: 240_000 }, async () => {
  const home = temporaryHome()
  let up = await home.up()
  await usable(home)
  const seen = terminal(home, randomUUID())
  await until('a prompt', () => seen.text().includes('$'))
  seen.type('mine=kept\n')

  const enough = join(home.folder, '..', 'enough')
  const command = `i=0; while [ ! -e ${enough} ]; do i=$((i+1)); echo "line $i of the exec"; sleep 0.004; done; echo "$i lines"; exit 7`
  const env = { PATH: process.env['PATH'] ?? '', HOME: home.folder, BOTHY_STATE: home.state, NO_COLOR: '1', ...COMPILED }
  const exec = spawn(process.execPath, [join(root, 'cli/main.ts'), 'exec', 'dev', '--', 'sh', '-c', command], { env })
  onTestFinished(() => void exec.kill('SIGKILL'))
  let output = ''
  exec.stdout.on('data', (data: Buffer) => (output += data.toString()))
  const code = new Promise<number | null>((done) => exec.on('close', done))
  await until('its first line', () => output.includes('line 1 '))

  for (let kill = 1; kill <= KILLS; kill += 1) {
    const before = output.length
    killQuietly(up.pid)
    await until('it to be gone', () => up.exited() !== null || !alive(up.pid))
    up = await home.up()
    await until('the exec to go on', () => output.length > before)
    await until('the terminal to be there again', () => seen.pids.length > kill)
    seen.type(`echo $mine-after-$((${kill}))\n`)
    await until('what it remembers', () => seen.text().includes(`kept-after-${kill}`))
  }
  writeFileSync(enough, '')
  expect(await code).toBe(7)
  const lines = Number(/^(\d+) lines$/m.exec(output)?.[1])
  expect(output).toBe(`${Array.from({ length: lines }, (_, i) => `line ${i + 1} of the exec\n`).join('')}${lines} lines\n`)
  expect(new Set(seen.pids).size).toBe(1)
})

function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
