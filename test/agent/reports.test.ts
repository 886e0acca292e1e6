import { expect, test } from 'vitest'
import { createOutputRing } from '../../agent/output-ring.ts'
import { frameReader, frame, FRAME_BYTES_MAX } from '../../agent/protocol.ts'
import { createReports } from '../../agent/reports.ts'

test('reports wait in order until they are acknowledged, and are sent again from there', () => {
  const reports = createReports(() => 5)
  reports.lifecycle('Starting', '')
  reports.log('start', 'info', 'hello')
  reports.lifecycle('Ready', '')
  reports.acknowledge(1)
  expect(reports.after(0)).toEqual([
    { kind: 'log', source: 'start', level: 'info', text: 'hello', seq: 2, at: 5 },
    { kind: 'lifecycle', lifecycle: 'Ready', message: '', seq: 3, at: 5 },
  ])
  expect(reports.after(2)).toHaveLength(1)
  reports.acknowledge(3)
  expect(reports.empty).toBe(true)
})

test('a log that nobody takes stops growing, lifecycles go on, and what was left out is said', () => {
  const reports = createReports(() => 5)
  for (let line = 0; line < 20_000; line += 1) reports.log('start', 'info', 'x'.repeat(100))
  const kept = reports.after(0).length
  expect(kept).toBeLessThan(4000)
  reports.lifecycle('Ready', '')
  reports.acknowledge(kept)
  reports.log('start', 'info', 'after')
  expect(
    reports
      .after(kept)
      .map((report) => (report.kind === 'lifecycle' ? report.lifecycle : report.kind === 'log' ? report.text : report.kind)),
  ).toEqual(['Ready', `${20_000 - kept} lines were not kept: the control plane did not take them in time`, 'after'])
})

test('a ring gives any byte that was not released, and bounds single bytes too', () => {
  const ring = createOutputRing(100)
  ring.push('stdout', Buffer.from('abc'))
  ring.push('stderr', Buffer.from('DEF'))
  ring.push('stdout', Buffer.from('gh'))
  expect([0, 2, 4, 7, 8].map((offset) => ring.at(offset)?.data.toString() ?? null)).toEqual(['abc', 'c', 'EF', 'h', null])
  ring.release(4)
  expect({ at: ring.at(4)?.data.toString(), kind: ring.at(4)?.kind, start: ring.start, end: ring.end }).toEqual({
    at: 'EF',
    kind: 'stderr',
    start: 4,
    end: 8,
  })
  ring.push('stdout', Buffer.alloc(100, 'x'))
  expect(ring.full).toBe(true)
  const many = createOutputRing()
  for (let i = 0; i < 20_000 && !many.full; i += 1) many.push(i % 2 ? 'stdout' : 'stderr', Buffer.from('.'))
  expect(many.end).toBeLessThan(10_000)
})

test('frames are read whole however they arrive, and one that is too long is an error', () => {
  const seen: [number, string][] = []
  const read = frameReader((type, payload) => seen.push([type, payload.toString()]))
  const bytes = Buffer.concat([frame(1, 'one'), frame(2), frame(3, 'three')])
  for (const byte of bytes) read(Buffer.from([byte]))
  read(bytes)
  const once = [
    [1, 'one'],
    [2, ''],
    [3, 'three'],
  ]
  expect(seen).toEqual([...once, ...once])
  const head = Buffer.alloc(5)
  head.writeUInt32BE(FRAME_BYTES_MAX + 1, 1)
  expect(() => read(head)).toThrow('longer than')
})
