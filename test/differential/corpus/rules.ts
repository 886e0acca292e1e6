import { isJsonObject } from '../../../crds/schema/types.ts'
import type { Scenario, Step } from '../harness/step.ts'
import { create, request, REQUESTS, template, TEMPLATES, workspace, WORKSPACES, type Fields } from './make.ts'

/**
 * Every rule of every kind, accepted and refused: `<path>:<its place in the list>`, and specs that only this rule is about. What a
 * rule says of a change is in write.ts and status.ts, where there is something to change.
 */
type Tries = Readonly<Record<string, { readonly yes: readonly Fields[]; readonly no: readonly Fields[] }>>

const DIGEST = `sha256:${'a'.repeat(64)}`

/** Durations have the same rules in several places. */
const bounded = (field: string, most: string, over: string, within: (value: string) => Fields): Tries => ({
  [`${field}:0`]: { yes: [within('1h'), within(most)], no: [within(over)] },
})

const days = (field: string, most: number, within: (value: string) => Fields): Tries => ({
  [`${field}:0`]: {
    yes: [within('1h'), within(`${most}d`), within(`${most * 24}h`), within('0d'), within('007d')],
    no: [within(`${most + 1}d`), within('9999d'), within(`${most * 24 + 1}h`), within(`${most * 24}h1s`)],
  },
})

const ttl = (field: string, within: (value: string) => Fields): Tries => ({
  ...days(field, 30, within),
  [`${field}:1`]: { yes: [within('0s'), within('1m'), within('60s'), within('0h0m0s')], no: [within('59s'), within('1s')] },
  [`${field}:2`]: { yes: [within('90m'), within('1h30m'), within('120s')], no: [within('61s'), within('1m30s'), within('1h1s')] },
})

const wsSchedule = (schedule: Fields): Fields => ({ schedule })
const autostart = (text: string): Fields => wsSchedule({ autostart: text })

const WORKSPACE: Tries = {
  'spec.schedule.autostart:0': {
    yes: [autostart('0 9 * * 1-5'), autostart('CRON_TZ=Europe/Berlin 0 9 * * 1-5')],
    no: [
      autostart('0 9 1 * 1-5'),
      autostart('0 9 * 1 1-5'),
      autostart('0  9 * * 1'),
      autostart('CRON_TZ= 0 9 * * 1'),
      autostart('0 9 * * 1-5 *'),
      autostart('@daily000'),
    ],
  },
  'spec.schedule.autostart:1': {
    yes: [autostart('0,30 9 * * 1'), autostart('*/15 9 * * 1'), autostart('0-10/2 9 * * 1')],
    no: [autostart('60 9 * * 1'), autostart('a 9 * * 1-5'), autostart('1,,2 9 * * 1')],
  },
  'spec.schedule.autostart:2': {
    yes: [autostart('0 8,20 * * 1'), autostart('0 */4 * * 1'), autostart('0 23 * * 1')],
    no: [autostart('0 24 * * 1'), autostart('0 x * * 1-5')],
  },
  'spec.schedule.autostart:3': {
    yes: [autostart('0 9 * * Mon,Wed'), autostart('0 9 * * 7'), autostart('0 9 * * mon-FRI'), autostart('0 9 * * *')],
    no: [autostart('0 9 * * 8'), autostart('0 9 * * Monday'), autostart('0 9 * * 1-'), autostart('0 9 * * ſun')],
  },
  ...ttl('spec.schedule.ttl', (value) => wsSchedule({ ttl: value })),
  ...bounded('spec.schedule.idleAfter', '720h', '721h', (value) => wsSchedule({ idleAfter: value })),
}

const source = (place: Fields): Fields => ({ source: place })
const folder = (path: string): Fields => source({ type: 'Folder', folder: { path } })
const repository = (more: Fields): Fields => source({ type: 'Repository', repository: { name: 'r', ...more } })
const variable = (more: Fields): Fields => ({ variables: [{ name: 'v', ...more }] })
const schedule = (more: Fields): Fields => ({ schedule: more })
const idleAfter = (more: Fields): Fields => schedule({ idleAfter: more })
const secretKeyRef = { name: 's', key: 'k' }

const TEMPLATE: Tries = {
  'spec.source:0': {
    yes: [source({ type: 'Inline', inline: { files: { 'main.tf': '' } } })],
    no: [source({ type: 'Inline' }), source({ type: 'ConfigMap', configMap: { name: 'c' }, inline: { files: { 'main.tf': '' } } })],
  },
  'spec.source:1': {
    yes: [folder('./node')],
    no: [source({ type: 'Folder' }), source({ type: 'ConfigMap', configMap: { name: 'c' }, folder: { path: 'x' } })],
  },
  'spec.source:2': {
    yes: [repository({})],
    no: [source({ type: 'Repository' }), source({ type: 'ConfigMap', configMap: { name: 'c' }, repository: { name: 'r' } })],
  },
  'spec.source:3': {
    yes: [source({ type: 'ConfigMap', configMap: { name: 'c' } })],
    no: [source({ type: 'ConfigMap' }), source({ type: 'Folder', folder: { path: 'x' }, configMap: { name: 'c' } })],
  },
  'spec.source.folder.path:0': {
    yes: [folder('a/b'), folder('..a'), folder('a..b/c')],
    no: [folder('/a'), folder('..'), folder('../a'), folder('a/..'), folder('a/../b')],
  },
  'spec.source.repository.path:0': { yes: [repository({ path: 'a/b' })], no: [repository({ path: '/a' }), repository({ path: 'a/../b' })] },
  'spec.variables[]:0': {
    yes: [variable({ value: '' }), variable({ valueFrom: { secretKeyRef } })],
    no: [variable({}), variable({ value: 'x', valueFrom: { secretKeyRef } })],
  },
  'spec.variables[].valueFrom:0': {
    yes: [variable({ valueFrom: { configMapKeyRef: secretKeyRef } }), variable({ valueFrom: { env: 'BOTHY_VAR_X' } })],
    no: [
      variable({ valueFrom: {} }),
      variable({ valueFrom: { secretKeyRef, env: 'BOTHY_VAR_X' } }),
      variable({ valueFrom: { secretKeyRef, configMapKeyRef: secretKeyRef, env: 'BOTHY_VAR_X', file: 'x' } }),
    ],
  },
  'spec.variables[].valueFrom.file:0': {
    yes: [variable({ valueFrom: { file: 'a/b' } })],
    no: [variable({ valueFrom: { file: '/etc/passwd' } }), variable({ valueFrom: { file: 'a/../../b' } })],
  },
  'spec.version:0': {
    yes: [{ version: { policy: 'Pinned', digest: DIGEST } }, { version: {} }],
    no: [{ version: { policy: 'Pinned' } }, { version: { digest: DIGEST } }],
  },
  ...ttl('spec.schedule.ttl', (value) => schedule({ ttl: value })),
  ...bounded('spec.schedule.activityBump', '24h', '24h1s', (value) => schedule({ activityBump: value })),
  'spec.schedule.idleAfter:0': {
    yes: [idleAfter({ default: '15m' }), idleAfter({ default: '0s' })],
    no: [idleAfter({ default: '14m' }), idleAfter({ default: '1h', min: '2h' })],
  },
  'spec.schedule.idleAfter:1': {
    yes: [idleAfter({ default: '1h', max: '1h' })],
    no: [idleAfter({ max: '1h' }), idleAfter({ default: '2h', max: '1h' })],
  },
  'spec.schedule.idleAfter:2': {
    yes: [idleAfter({ default: '1h', min: '1h', max: '1h' })],
    no: [idleAfter({ default: '5m', min: '10m', max: '5m' })],
  },
  ...bounded('spec.schedule.idleAfter.default', '720h', '721h', (value) => idleAfter({ default: value })),
  ...bounded('spec.schedule.idleAfter.min', '720h', '721h', (value) => idleAfter({ min: value })),
  ...bounded('spec.schedule.idleAfter.max', '720h', '721h', (value) => idleAfter({ default: '1h', max: value })),
  ...bounded('spec.schedule.maxHold', '720h', '720h1s', (value) => schedule({ maxHold: value })),
  ...days('spec.schedule.failureTtl', 365, (value) => schedule({ failureTtl: value })),
  ...days('spec.schedule.dormantAfter', 3650, (value) => schedule({ dormantAfter: value })),
  ...days('spec.schedule.deleteDormantAfter', 3650, (value) => schedule({ deleteDormantAfter: value })),
  ...days('spec.drift.interval', 365, (value) => ({ drift: { interval: value } })),
  'spec.drift.interval:1': { yes: [{ drift: { interval: '10s' } }, { drift: { interval: '0s' } }], no: [{ drift: { interval: '9s' } }] },
}

const REQUEST: Tries = {
  'spec:1': { yes: [{ action: 'Extend', until: '2020-01-01T00:00:00Z' }], no: [{ action: 'Start', until: '2020-01-01T00:00:00Z' }] },
  'spec:2': { yes: [{ action: 'Extend', for: '1h' }], no: [{ action: 'Stop', for: '1h' }] },
  'spec:3': {
    yes: [{ action: 'Extend', for: '2h' }],
    no: [{ action: 'Extend' }, { action: 'Extend', for: '1h', until: '2020-01-01T00:00:00Z' }],
  },
  'spec:4': { yes: [{ action: 'Hold', for: '0s' }], no: [{ action: 'Hold' }] },
  'spec:5': { yes: [{ action: 'Hold', for: '1h', reason: 'a demo' }], no: [{ action: 'Restart', reason: 'x' }] },
  'spec:6': { yes: [{ action: 'Approve', planDigest: DIGEST }], no: [{ action: 'CancelBuild', planDigest: DIGEST }] },
  'spec:7': { yes: [{ action: 'Approve', planDigest: DIGEST }], no: [{ action: 'Approve' }] },
  ...bounded('spec.for', '720h', '720h1s', (value) => ({ action: 'Hold', for: value })),
}

const stepsOf = (kind: string, path: string, make: (name: string, spec: Fields) => Fields, tries: Tries): readonly Step[] =>
  Object.entries(tries).flatMap(([rule, { yes, no }]) =>
    [yes.map((spec) => ['takes', spec] as const), no.map((spec) => ['refuses', spec] as const)]
      .flat()
      .map(([verb, spec]) =>
        create(`${rule} ${verb} ${JSON.stringify(spec)}`, path, make('x', spec), { query: { dryRun: 'All' }, rule: `${kind}:${rule}` }),
      ),
  )

export const RULES: readonly Scenario[] = [
  { name: 'rules of Workspace', steps: stepsOf('Workspace', WORKSPACES, workspace, WORKSPACE) },
  { name: 'rules of Template', steps: stepsOf('Template', TEMPLATES, template, TEMPLATE) },
  { name: 'rules of WorkspaceRequest', steps: stepsOf('WorkspaceRequest', REQUESTS, request, REQUEST) },
]

/** Every rule that the schema of a kind has, as steps name it. */
export function rulesIn(kind: string, schema: unknown, path = ''): readonly string[] {
  if (!isJsonObject(schema)) return []
  const rules = schema['x-kubernetes-validations']
  const own = Array.isArray(rules) ? rules.map((_, i) => `${kind}:${path}:${i}`) : []
  const properties = isJsonObject(schema['properties']) ? Object.entries(schema['properties']) : []
  return [
    ...own,
    ...properties.flatMap(([name, child]) => rulesIn(kind, child, path === '' ? name : `${path}.${name}`)),
    ...rulesIn(kind, schema['items'], `${path}[]`),
    ...rulesIn(kind, schema['additionalProperties'], `${path}{}`),
  ]
}
