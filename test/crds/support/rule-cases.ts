import { template, workspace, type Written } from './objects.ts'

/** For each rule of each definition: what it accepts and what it refuses, at which field, in which words. */
export interface RuleCase {
  readonly name: string
  readonly kind: string
  readonly object: Written
  /** For rules about changes: what was there before. */
  readonly old?: Written
  /** Absent: accepted. Otherwise how the message of a cause ends. */
  readonly refused?: { readonly field: string; readonly message: string }
}

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`
const T = 'Template'
const W = 'Workspace'
const R = 'WorkspaceRequest'

const source = (type: string, members: object): Written => ({ spec: { source: { type, ...members } } })
const variable = (fields: object): Written => template({ variables: [{ name: 'region', ...fields }] })
const schedule = (fields: object): Written => template({ schedule: fields })
const own = (fields: object): Written => workspace({ schedule: fields })
const ask = (spec: object): Written => ({ spec: { workspace: 'dev', ...spec } })

const no = (field: string, message: string) => ({ refused: { field, message } })
const SCHEDULE = 'spec.schedule'
/** A text that is wrong is repeated before what is wrong with it; an object is not. */
const invalidText = (message: string) => `": ${message}`
const invalidObject = (message: string) => `Invalid value: ${message}`

const PATH = invalidText("must be relative and must not lead upwards with '..'")
const WEEKLY = invalidText(
  "must be minute, hour, '* *' and days of the week, such as '0 9 * * 1-5'; day of the month and month must be '*'",
)
const MINUTE = invalidText('the minute must be 0 to 59, a list, a range or a step: 0, 0,30, 0-10, */15')
const HOUR = invalidText('the hour must be 0 to 23, a list, a range or a step: 9, 8,20, 8-10, */4')
const DAYS = invalidText('the days of the week must be 0 to 7 or Mon to Sun, a list or a range: 1-5, Mon,Wed, *')
const ONE_OF = invalidObject('exactly one of secretKeyRef, configMapKeyRef, env and file must be set')

export const RULE_CASES: readonly RuleCase[] = [
  { name: 'files written into it', kind: T, object: source('Inline', { inline: { files: { 'main.tf': '' } } }) },
  { name: 'a folder', kind: T, object: source('Folder', { folder: { path: './node' } }) },
  { name: 'a repository', kind: T, object: source('Repository', { repository: { name: 'templates', path: 'node', revision: 'main' } }) },
  { name: 'a config map', kind: T, object: source('ConfigMap', { configMap: { name: 'node' } }) },
  {
    name: 'inline without files',
    kind: T,
    object: source('Inline', {}),
    ...no('spec.source.inline', invalidObject('must be set exactly when type is Inline')),
  },
  {
    name: 'a folder that is none',
    kind: T,
    object: source('Folder', { configMap: { name: 'x' } }),
    ...no('spec.source.folder', invalidObject('must be set exactly when type is Folder')),
  },
  {
    name: 'a repository besides',
    kind: T,
    object: source('Folder', { folder: { path: 'a' }, repository: { name: 'x' } }),
    ...no('spec.source.repository', invalidObject('must be set exactly when type is Repository')),
  },
  {
    name: 'a config map besides',
    kind: T,
    object: source('Folder', { folder: { path: 'a' }, configMap: { name: 'x' } }),
    ...no('spec.source.configMap', invalidObject('must be set exactly when type is ConfigMap')),
  },
  { name: 'an absolute folder', kind: T, object: source('Folder', { folder: { path: '/etc' } }), ...no('spec.source.folder.path', PATH) },
  { name: 'a folder above', kind: T, object: source('Folder', { folder: { path: 'a/../../b' } }), ...no('spec.source.folder.path', PATH) },
  {
    name: 'a folder above in a repository',
    kind: T,
    object: source('Repository', { repository: { name: 'x', path: '..' } }),
    ...no('spec.source.repository.path', PATH),
  },
  { name: 'a variable with a value', kind: T, object: variable({ value: '' }) },
  { name: 'a variable from a secret', kind: T, object: variable({ valueFrom: { secretKeyRef: { name: 'cloud', key: 'token' } } }) },
  { name: 'a variable from a file', kind: T, object: variable({ valueFrom: { file: 'cloud/token' } }) },
  {
    name: 'a variable from nowhere',
    kind: T,
    object: variable({}),
    ...no('spec.variables[0].value', invalidObject('exactly one of value and valueFrom must be set')),
  },
  {
    name: 'a variable from two places',
    kind: T,
    object: variable({ valueFrom: { env: 'BOTHY_VAR_A', file: 'a' } }),
    ...no('spec.variables[0].valueFrom', ONE_OF),
  },
  { name: 'a variable from an empty place', kind: T, object: variable({ valueFrom: {} }), ...no('spec.variables[0].valueFrom', ONE_OF) },
  {
    name: 'a variable from a file above',
    kind: T,
    object: variable({ valueFrom: { file: '../key' } }),
    ...no('spec.variables[0].valueFrom.file', PATH),
  },
  { name: 'a pinned version', kind: T, object: template({ version: { policy: 'Pinned', digest: DIGEST } }) },
  {
    name: 'pinned to nothing',
    kind: T,
    object: template({ version: { policy: 'Pinned' } }),
    ...no('spec.version.digest', invalidObject('must be set exactly when policy is Pinned')),
  },
  {
    name: 'the latest, and a digest',
    kind: T,
    object: template({ version: { digest: DIGEST } }),
    ...no('spec.version.digest', invalidObject('must be set exactly when policy is Pinned')),
  },
  {
    name: 'every duration of a policy',
    kind: T,
    object: schedule({
      ttl: '30d',
      activityBump: '30m',
      idleAfter: { default: '2h', min: '15m', max: '8h' },
      maxHold: '48h',
      failureTtl: '7d',
      dormantAfter: '180d',
      deleteDormantAfter: '0s',
    }),
  },
  { name: 'a ttl of 31 days', kind: T, object: schedule({ ttl: '31d' }), ...no(`${SCHEDULE}.ttl`, invalidText('must be at most 30d')) },
  { name: 'a ttl of 721 hours', kind: T, object: schedule({ ttl: '721h' }), ...no(`${SCHEDULE}.ttl`, invalidText('must be at most 30d')) },
  {
    name: 'a ttl of 30 seconds',
    kind: T,
    object: schedule({ ttl: '30s' }),
    ...no(`${SCHEDULE}.ttl`, invalidText('must be 0s (never) or at least 1m')),
  },
  {
    name: 'a ttl of 90 seconds',
    kind: T,
    object: schedule({ ttl: '90s' }),
    ...no(`${SCHEDULE}.ttl`, invalidText('must be whole minutes')),
  },
  {
    name: 'a bump of 25 hours',
    kind: T,
    object: schedule({ activityBump: '25h' }),
    ...no(`${SCHEDULE}.activityBump`, invalidText('must be at most 24h')),
  },
  {
    name: 'idle sooner than the least',
    kind: T,
    object: schedule({ idleAfter: { default: '5m', min: '15m' } }),
    ...no(`${SCHEDULE}.idleAfter.default`, invalidObject('must be 0s (off) or at least min')),
  },
  {
    name: 'never idle under a bound',
    kind: T,
    object: schedule({ idleAfter: { max: '8h' } }),
    ...no(`${SCHEDULE}.idleAfter.default`, invalidObject('must be set, and at most max, while there is a max')),
  },
  {
    name: 'an empty range of idleness',
    kind: T,
    object: schedule({ idleAfter: { default: '10m', min: '15m', max: '10m' } }),
    ...no(`${SCHEDULE}.idleAfter.max`, invalidObject('must be 0s (no bound) or at least min')),
  },
  {
    name: 'idle after two months',
    kind: T,
    object: schedule({ idleAfter: { default: '1440h' } }),
    ...no(`${SCHEDULE}.idleAfter.default`, invalidText('must be at most 720h')),
  },
  {
    name: 'at least two months idle',
    kind: T,
    object: schedule({ idleAfter: { min: '1440h' } }),
    ...no(`${SCHEDULE}.idleAfter.min`, invalidText('must be at most 720h')),
  },
  {
    name: 'at most two months idle',
    kind: T,
    object: schedule({ idleAfter: { default: '1h', max: '1440h' } }),
    ...no(`${SCHEDULE}.idleAfter.max`, invalidText('must be at most 720h')),
  },
  {
    name: 'a hold of two months',
    kind: T,
    object: schedule({ maxHold: '1440h' }),
    ...no(`${SCHEDULE}.maxHold`, invalidText('must be at most 720h')),
  },
  {
    name: 'cleaning up after two years',
    kind: T,
    object: schedule({ failureTtl: '730d' }),
    ...no(`${SCHEDULE}.failureTtl`, invalidText('must be at most 365d')),
  },
  {
    name: 'dormant after eleven years',
    kind: T,
    object: schedule({ dormantAfter: '4000d' }),
    ...no(`${SCHEDULE}.dormantAfter`, invalidText('must be at most 3650d')),
  },
  {
    name: 'destroyed after eleven years',
    kind: T,
    object: schedule({ deleteDormantAfter: '4000d' }),
    ...no(`${SCHEDULE}.deleteDormantAfter`, invalidText('must be at most 3650d')),
  },
  { name: 'drift once a day', kind: T, object: template({ drift: { interval: '1d' } }) },
  {
    name: 'drift every other year',
    kind: T,
    object: template({ drift: { interval: '700d' } }),
    ...no('spec.drift.interval', invalidText('must be at most 365d')),
  },
  { name: 'drift every ten seconds', kind: T, object: template({ drift: { interval: '10s' } }) },
  {
    name: 'drift every second',
    kind: T,
    object: template({ drift: { interval: '1s' } }),
    ...no('spec.drift.interval', invalidText('must be 0s (off) or at least 10s')),
  },

  { name: 'the same owner', kind: W, object: workspace({ owner: 'ada' }), old: workspace({ owner: 'ada' }) },
  { name: 'an owner where there was none', kind: W, object: workspace({ owner: 'ada' }), old: workspace() },
  {
    name: 'another owner',
    kind: W,
    object: workspace({ owner: 'bob' }),
    old: workspace({ owner: 'ada' }),
    ...no('spec.owner', 'Forbidden: owner is immutable once set'),
  },
  {
    name: 'no owner any more',
    kind: W,
    object: workspace(),
    old: workspace({ owner: 'ada' }),
    ...no('spec.owner', 'Forbidden: owner is immutable once set'),
  },
  {
    name: 'nine on working days in Berlin',
    kind: W,
    object: own({ autostart: 'CRON_TZ=Europe/Berlin 0 9 * * 1-5', ttl: '8h', idleAfter: '2h' }),
  },
  { name: 'every quarter of two hours', kind: W, object: own({ autostart: '*/15 8,20-22 * * Mon,Wed-Fri', ttl: '0s' }) },
  { name: 'the first of the month', kind: W, object: own({ autostart: '0 9 1 * 1-5' }), ...no(`${SCHEDULE}.autostart`, WEEKLY) },
  { name: 'four fields', kind: W, object: own({ autostart: '30 9 * 1-5' }), ...no(`${SCHEDULE}.autostart`, WEEKLY) },
  { name: 'minute 60', kind: W, object: own({ autostart: '60 9 * * 1-5' }), ...no(`${SCHEDULE}.autostart`, MINUTE) },
  { name: 'hour 24', kind: W, object: own({ autostart: '0 24 * * 1-5' }), ...no(`${SCHEDULE}.autostart`, HOUR) },
  { name: 'Funday', kind: W, object: own({ autostart: '0 9 * * Funday' }), ...no(`${SCHEDULE}.autostart`, DAYS) },
  { name: 'own ttl of 31 days', kind: W, object: own({ ttl: '31d' }), ...no(`${SCHEDULE}.ttl`, invalidText('must be at most 30d')) },
  {
    name: 'own ttl of 59 seconds',
    kind: W,
    object: own({ ttl: '59s' }),
    ...no(`${SCHEDULE}.ttl`, invalidText('must be 0s (never) or at least 1m')),
  },
  { name: 'own ttl of 61 seconds', kind: W, object: own({ ttl: '1m1s' }), ...no(`${SCHEDULE}.ttl`, invalidText('must be whole minutes')) },
  {
    name: 'own idleness of two months',
    kind: W,
    object: own({ idleAfter: '1440h' }),
    ...no(`${SCHEDULE}.idleAfter`, invalidText('must be at most 720h')),
  },

  { name: 'a start', kind: R, object: ask({ action: 'Start' }) },
  { name: 'the same request again', kind: R, object: ask({ action: 'Start' }), old: ask({ action: 'Start' }) },
  { name: 'an extension until', kind: R, object: ask({ action: 'Extend', until: '2026-11-21T18:30:00Z' }) },
  { name: 'an extension for', kind: R, object: ask({ action: 'Extend', for: '2h' }) },
  { name: 'a hold', kind: R, object: ask({ action: 'Hold', for: '2h', reason: 'a long build' }) },
  { name: 'the end of a hold', kind: R, object: ask({ action: 'Hold', for: '0s' }) },
  { name: 'an approval', kind: R, object: ask({ action: 'Approve', planDigest: DIGEST }) },
  {
    name: 'a request of another mind',
    kind: R,
    object: ask({ action: 'Stop' }),
    old: ask({ action: 'Start' }),
    ...no('spec', 'Forbidden: a request cannot be changed; make another one'),
  },
  {
    name: 'a start until',
    kind: R,
    object: ask({ action: 'Start', until: '2026-11-21T18:30:00Z' }),
    ...no('spec.until', 'Forbidden: belongs to Extend'),
  },
  { name: 'a start for', kind: R, object: ask({ action: 'Start', for: '2h' }), ...no('spec.for', 'Forbidden: belongs to Extend and Hold') },
  {
    name: 'an extension by nothing',
    kind: R,
    object: ask({ action: 'Extend' }),
    ...no('spec.until', 'Required value: Extend needs exactly one of until and for'),
  },
  {
    name: 'an extension twice over',
    kind: R,
    object: ask({ action: 'Extend', for: '2h', until: '2026-11-21T18:30:00Z' }),
    ...no('spec.until', 'Required value: Extend needs exactly one of until and for'),
  },
  { name: 'a hold without end', kind: R, object: ask({ action: 'Hold' }), ...no('spec.for', 'Required value: Hold needs how long') },
  {
    name: 'a hold of two months',
    kind: R,
    object: ask({ action: 'Hold', for: '1440h' }),
    ...no('spec.for', invalidText('must be at most 720h')),
  },
  {
    name: 'a stop with a reason',
    kind: R,
    object: ask({ action: 'Stop', reason: 'lunch' }),
    ...no('spec.reason', 'Forbidden: belongs to Hold'),
  },
  {
    name: 'a stop of a plan',
    kind: R,
    object: ask({ action: 'Stop', planDigest: DIGEST }),
    ...no('spec.planDigest', 'Forbidden: belongs to Approve'),
  },
  {
    name: 'an approval of nothing',
    kind: R,
    object: ask({ action: 'Approve' }),
    ...no('spec.planDigest', 'Required value: Approve needs the digest of the plan'),
  },
]
