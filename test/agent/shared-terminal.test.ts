import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { FRAME, frame, frameReader, jsonFrame, offsetAndData, offsetFrame, resizeFrame, type TerminalStart } from '../../agent/protocol.ts'
import { createScrollback } from '../../agent/scrollback.ts'
import { freePort } from '../support/ports.ts'
import { withDatabase } from '../support/postgres.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { until } from '../support/until.ts'
import { startControlPlane, type ControlPlane } from './control-plane.ts'
import { makeAgent, reached, startAgent, type Made } from './world.ts'

const { db } = await withDatabase()
let plane = await startControlPlane(db, await freePort())
afterAll(() => plane.close())

interface Viewer {
  readonly text: () => string
  readonly started: { offset: number; reset: boolean; pid: number }[]
  readonly said: () => { readonly code: number; readonly message?: string } | null
  readonly offset: () => number
  readonly gone: Promise<void>
  type(text: string): void
  resize(cols: number, rows: number): void
  signal(name: string): void
  leave(): void
  /** Reads nothing until it is woken. */
  sleep(): void
  wake(): void
}

/** What a browser does: a socket of frames, and a screen that is cleared when it is told so. */
async function look(on: ControlPlane, made: Made, id: string, over: Partial<TerminalStart> = {}): Promise<Viewer> {
  const url = `${on.url.replace('http', 'ws')}/apis/bothy.dev/v1alpha1/namespaces/default/workspaces/${made.workspace}/terminal`
  const socket = new WebSocket(url)
  const started: Viewer['started'] = []
  let [text, offset, typed] = ['', over.offset ?? 0, 0]
  let said: ReturnType<Viewer['said']> = null
  const read = frameReader((type, payload) => {
    if (type === FRAME.started) {
      const told = JSON.parse(payload.toString())
      started.push(told)
      if (told.reset) text = ''
      offset = told.offset
    } else if (type === FRAME.stdout) {
      const part = offsetAndData(payload)
      expect(part.offset).toBe(offset)
      offset += part.data.length
      text += part.data.toString()
    } else if (type === FRAME.exit || type === FRAME.refused) said = JSON.parse(payload.toString())
  })
  socket.on('message', (data: Buffer) => read(data))
  socket.on('error', () => {})
  const gone = new Promise<void>((resolve) => socket.on('close', () => resolve()))
  await new Promise((resolve) => socket.on('open', resolve))
  onTestFinished(() => socket.terminate())
  const start: TerminalStart = {
    id,
    size: { cols: 80, rows: 24 },
    create: true,
    argv: ['sh'],
    cwd: null,
    env: { PS1: '$ ' },
    offset: null,
    ...over,
  }
  socket.send(jsonFrame(FRAME.start, start))
  return {
    text: () => text,
    started,
    said: () => said,
    offset: () => offset,
    gone,
    type(keys) {
      socket.send(offsetFrame(FRAME.stdin, typed, Buffer.from(keys)))
      typed += Buffer.byteLength(keys)
    },
    resize: (cols, rows) => socket.send(resizeFrame({ cols, rows })),
    signal: (name) => socket.send(frame(FRAME.signal, name)),
    leave: () => socket.terminate(),
    sleep: () => socket.pause(),
    wake: () => socket.resume(),
  }
}

async function ready(): Promise<Made> {
  const made = await makeAgent(db)
  startAgent(made, plane.url)
  await reached(db, made, 'Ready')
  return made
}

test('several look at one terminal, each types, and its size is that of whoever did something last', async () => {
  const made = await ready()
  const id = randomUUID()
  const ada = await look(plane, made, id)
  ada.type('echo from-a$((1))da\n')
  await until('the answer', () => ada.text().includes('from-a1da'))
  const bob = await look(plane, made, id, { size: { cols: 120, rows: 40 } })
  await until('the scroll-back', () => bob.text().includes('from-a1da'))
  bob.type('stty size\n')
  await until('the size of bob', () => ada.text().includes('40 120'))
  ada.type('stty size\n')
  await until('the size of ada', () => bob.text().includes('24 80'))
  expect(bob.started[0]).toMatchObject({ pid: ada.started[0]!.pid, offset: 0, reset: true })
  bob.type('exit 3\n')
  await until('both to hear of the end', () => ada.said()?.code === 3 && bob.said()?.code === 3)
  await Promise.all([ada.gone, bob.gone])
})

test('a terminal outlives its viewer, who goes on at the offset it had', async () => {
  const made = await ready()
  const id = randomUUID()
  const first = await look(plane, made, id)
  first.type('i=0; while [ $i -lt 400 ]; do i=$((i+1)); echo line-$i; sleep 0.005; done\n')
  await until('some lines', () => first.text().includes('line-50'))
  first.leave()
  await first.gone
  const again = await look(plane, made, id, { offset: first.offset(), create: false })
  await until('the last line', () => again.text().includes('line-400'))
  expect(again.started).toEqual([expect.objectContaining({ reset: false, offset: first.offset() })])
  const lines = [...(first.text() + again.text()).matchAll(/line-(\d+)\r$/gm)].map(([, n]) => Number(n))
  expect(lines).toEqual(Array.from({ length: 400 }, (_, i) => i + 1))
})

test('one that is not there any more is not started for who only joins, and a signal ends one', async () => {
  const made = await ready()
  const nobody = await look(plane, made, 'none', { create: false })
  await until('a refusal', () => nobody.said()?.message?.startsWith('There is no such terminal any more'))
  const id = randomUUID()
  const one = await look(plane, made, id)
  await until('a prompt', () => one.text().includes('$'))
  one.signal('SIGKILL')
  await until('its end', () => one.said()?.code === 137)
})

test('who never reads is left behind, holds nobody up, and costs no memory', async () => {
  const made = await ready()
  const id = randomUUID()
  const reader = await look(plane, made, id)
  const sleeper = await look(plane, made, id)
  await until('both', () => sleeper.text().includes('$') && reader.text().includes('$'))
  sleeper.sleep()
  reader.type("stty -echo; head -c 20000000 /dev/zero | tr '\\0' 'x' | fold -w 99; echo the-e$((1))nd\n")
  await until('all of it', () => reader.text().includes('the-e1nd'))
  expect(reader.started).toHaveLength(1)
  sleeper.wake()
  await until('the end', () => sleeper.text().includes('the-e1nd'))
  expect(sleeper.started.at(-1)).toMatchObject({ reset: true })
  expect(sleeper.started.length).toBeGreaterThan(1)
})

test('a replay begins at a line, with what makes a full-screen program’s screen', () => {
  const scrollback = createScrollback(1000)
  expect({ from: scrollback.replayFrom, preamble: scrollback.preamble }).toEqual({ from: 0, preamble: '' })
  scrollback.push(Buffer.from('\u001b[?10'))
  scrollback.push(Buffer.from('49hfirst\n'))
  for (let i = 0; i < 50; i += 1) scrollback.push(Buffer.from(`\u001b[31mline ${i} ${'.'.repeat(80)}\u001b[0m\n`))
  const from = scrollback.replayFrom
  expect(scrollback.at(from)!.data.toString().slice(0, 10)).toBe('\u001b[31mline ')
  expect(scrollback.preamble).toBe('\u001b[?1049h')
  scrollback.push(Buffer.from('\u001b[?1049l'))
  expect(scrollback.preamble).toBe('')
})

test('a control plane that is killed and comes back finds the terminal as it was', async () => {
  const made = await ready()
  const id = randomUUID()
  const before = await look(plane, made, id)
  const away = join(temporaryFolder(), 'away')
  before.type(`until [ -e ${away} ]; do sleep 0.1; done; echo meanwh$((1))ile\n`)
  await until('it to be typed', () => before.text().includes('done'))
  const { port } = plane
  await plane.close()
  await before.gone
  writeFileSync(away, '')
  plane = await startControlPlane(db, port)
  const after = await look(plane, made, id, { create: false, offset: before.offset() })
  await until('what was said meanwhile', () => after.text().includes('meanwh1ile'))
  expect(after.started[0]!.pid).toBe(before.started[0]!.pid)
})
