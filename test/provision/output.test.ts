import { expect, test } from 'vitest'
import { diagnose } from '../../controller/provision/diagnose.ts'
import { createResourceTimings } from '../../controller/provision/resource-timings.ts'
import { hear, NO_PROGRESS, type Progress, type Said } from '../../controller/provision/output.ts'

const listen = (...events: readonly Readonly<Record<string, unknown>>[]): Said[] => {
  let progress: Progress = NO_PROGRESS
  return events.map((event) => {
    const heard = hear(JSON.stringify({ '@message': 'x', ...event }), progress)
    progress = heard.progress
    return heard.said
  })
}

const resourceEvent = (type: string, at: string, action = 'create') => ({
  type,
  '@timestamp': `2026-11-21T08:00:${at}Z`,
  hook: { action, resource: { addr: 'a.b' } },
})

test('counts what is done of what was planned', () => {
  const said = listen(
    { type: 'change_summary', changes: { add: 2, change: 1, remove: 0, operation: 'plan' }, '@message': 'Plan: 2 to add' },
    { type: 'apply_start', hook: { action: 'create' }, '@message': 'a: Creating...' },
    { type: 'apply_complete', hook: { action: 'create' }, '@message': 'a: Creation complete' },
    { type: 'apply_complete', hook: { action: 'update' }, '@message': 'b: Modifications complete' },
  )
  expect(said.map(({ rows }) => rows[0]?.text)).toEqual([
    'Plan: 2 to add',
    'a: Creating...',
    'a: Creation complete (1 of 3 resources)',
    'b: Modifications complete (2 of 3 resources)',
  ])
  expect(said.map(({ phase }) => phase)).toEqual([null, 'applying', null, null])
})

test('how long each resource took is told by terraform itself', () => {
  const timings = createResourceTimings()
  const events = [
    resourceEvent('apply_start', '00.000', 'delete'),
    resourceEvent('apply_complete', '00.250', 'delete'),
    resourceEvent('apply_start', '01.000'),
    resourceEvent('apply_start', '01.500', 'read'),
    resourceEvent('apply_errored', '03.500'),
  ]
  for (const { work } of listen(...events)) if (work) timings.hear(work)
  expect(timings.list()).toEqual([
    { address: 'a.b', action: 'create', ms: 2500, failed: true },
    { address: 'a.b', action: 'delete', ms: 250, failed: false },
  ])
})

test('a diagnostic says where and what, in one line', () => {
  const [said] = listen({
    type: 'diagnostic',
    diagnostic: {
      severity: 'error',
      summary: 'Invalid value',
      detail: 'must be amd64',
      range: { filename: 'main.tf', start: { line: 8, column: 10 } },
      snippet: { context: 'resource "coder_agent" "main"', code: '  arch = "pdp11"' },
    },
  })
  const text = 'main.tf:8:10: Invalid value (resource "coder_agent" "main", attribute arch): must be amd64'
  expect(said?.rows).toEqual([{ level: 'error', text }])
  expect(said?.failure?.text).toBe(text)
})

test('warnings are no failures, values of outputs are not repeated, and other words are kept as they are', () => {
  expect(listen({ type: 'diagnostic', diagnostic: { severity: 'warning', summary: 'Old' } })[0]).toMatchObject({
    rows: [{ level: 'warn', text: 'Old' }],
    failure: null,
  })
  expect(listen({ type: 'outputs', outputs: { a: { value: 'private' } } })[0]?.rows).toEqual([])
  for (const line of ['plain words', '{"no":"message"}', '{broken'])
    expect(hear(line, NO_PROGRESS).said.rows).toEqual([{ level: 'info', text: line }])
})

test('a missing provider is named the way people write it', () => {
  const failure = {
    summary: 'Inconsistent dependency lock file',
    detail:
      'The following …\n  - provider registry.terraform.io/kreuzwerker/docker: required by this configuration but no version is selected',
    text: '…',
  }
  expect(diagnose([failure], 'ImportFailed', '')).toMatchObject({ reason: 'ProviderUnavailable' })
  expect(diagnose([failure], 'ImportFailed', '').text).toContain('the provider kreuzwerker/docker,')
  expect(diagnose([], 'BuildFailed', 'it crashed')).toEqual({ reason: 'BuildFailed', text: 'it crashed' })
})
