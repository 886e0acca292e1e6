import { systemClock } from '../../controller/kernel/clock.ts'
import { CONTROLLER, request, template, workspace } from './deployed.ts'
import type { Case } from './policy-cases.ts'

/**
 * How long something runs: team-a has no bound, team-b bounds starts (48h) and holds (4h), team-c starts alone (12h), and takes
 * templates of bothy-templates. What is said as an instant is held against the API server's own clock, so these leave it an hour to
 * each side.
 */

const HOUR_MS = 3_600_000
const inHours = (hours: number): string => new Date(systemClock.now() + hours * HOUR_MS).toISOString()
const END_OF_TIME = '9999-12-31T23:59:59Z'

const ofTeamB = (verb: string, name: string, ...what: string[]) => ['-n', 'team-b', verb, 'workspace', name, ...what]
const powered = (name: string, power: string) =>
  ofTeamB('patch', name, '--type=merge', '-p', JSON.stringify({ spec: { power, parameters: { size: 'large' } } }))

const adas = (spec: object) => workspace('dev', 'team-a', { owner: 'ada', ...spec })
const bertas = (spec: object) => workspace('dev', 'team-b', { owner: 'berta', ...spec })
const extend = (namespace: string, far: object) => request(namespace, { workspace: 'x', action: 'Extend', ...far })
const hold = (namespace: string, long: string) => request(namespace, { workspace: 'x', action: 'Hold', for: long })

/** What is applied is made by a patch, and has a name. */
const APPLIED = ['apply', '--server-side', '-f', '-']
const named = (asked: ReturnType<typeof request>, metadata: object = {}) => ({
  ...asked,
  metadata: { name: 'ask', namespace: asked.metadata.namespace, ...metadata },
})

export const STARTS: readonly Case[] = [
  { says: 'any ttl, where nothing bounds it', who: 'ada', does: adas({ schedule: { ttl: '0s' } }) },
  { says: 'a ttl within the bound', who: 'berta', does: bertas({ schedule: { ttl: '2d' } }) },
  {
    says: 'a ttl beyond the bound',
    who: 'berta',
    does: bertas({ schedule: { ttl: '3d' } }),
    refused: /spec\.schedule\.ttl: Invalid value: "3d": must be more than 0s and at most 48h/,
  },
  {
    says: 'a ttl in hours beyond the bound',
    who: 'berta',
    does: bertas({ schedule: { ttl: '48h1m' } }),
    refused: /must be more than 0s and at most 48h/,
  },
  {
    says: 'a ttl that never ends',
    who: 'berta',
    does: bertas({ schedule: { ttl: '0h' } }),
    refused: /must be more than 0s/,
  },
  { says: 'no ttl of its own', who: 'berta', does: bertas({}) },
  { says: 'kept running, where nothing bounds it', who: 'ada', does: adas({ power: 'Running' }) },
  {
    says: 'kept running, where starts are bounded',
    who: 'berta',
    does: bertas({ power: 'Running' }),
    refused:
      /spec\.power: Forbidden: Running never stops, and a start lasts at most 48h \(maxTtl of the ConfigMap bothy-system\/of-team-b\)/,
  },
  {
    says: 'kept running with a ttl, which says nothing then',
    who: 'berta',
    does: bertas({ power: 'Running', schedule: { ttl: '1h' } }),
    refused: /spec\.power: Forbidden/,
  },
  { says: 'kept stopped, where starts are bounded', who: 'berta', does: bertas({ power: 'Stopped' }) },
  { says: 'kept running from before, paused', who: 'root', does: ofTeamB('annotate', 'running', 'bothy.dev/paused=true') },
  { says: 'kept running from before, given up', who: 'root', does: ofTeamB('annotate', 'running', 'bothy.dev/abandon=true') },
  { says: 'kept running from before, looked at', who: 'berta', does: ofTeamB('annotate', 'running', 'bothy.dev/reconcile=now') },
  { says: 'kept running from before, labeled', who: 'berta', does: ofTeamB('label', 'running', 'app.kubernetes.io/instance=x') },
  { says: 'kept running from before, changed otherwise', who: 'berta', does: powered('running', 'Running') },
  { says: 'kept running from before, and no longer', who: 'berta', does: powered('running', 'Auto') },
  {
    says: 'kept running from now on, where starts are bounded',
    who: 'berta',
    does: powered('stopped', 'Running'),
    refused: /spec\.power: Forbidden: Running never stops/,
  },
]

const offered = (namespace: string, ttl: string | null, allowedNamespaces: readonly string[] = []) =>
  template('new', namespace, { allowedNamespaces, ...(ttl === null ? {} : { schedule: { ttl } }) })
const private_ = ['-n', 'bothy-templates', 'patch', 'template', 'private', '--type=merge', '-p']

export const TEMPLATES: readonly Case[] = [
  { says: 'no ttl, where nothing bounds it', who: 'root', does: offered('team-a', null) },
  { says: 'a ttl within the bound', who: 'root', does: offered('team-b', '2d') },
  {
    says: 'no ttl, where starts are bounded',
    who: 'root',
    does: offered('team-b', null),
    refused:
      /spec\.schedule\.ttl: Invalid value: "0s": must be more than 0s and at most 48h, for workspaces that say none \(maxTtl of the ConfigMap bothy-system\/of-team-b\)/,
  },
  { says: 'a ttl beyond the bound', who: 'root', does: offered('team-b', '3d'), refused: /Invalid value: "3d": must be more than 0s/ },
  { says: 'no ttl, shared where nothing bounds it', who: 'root', does: offered('bothy-templates', null, ['team-a']) },
  { says: 'no ttl, allowing who takes none from here', who: 'root', does: offered('bothy-templates', null, ['team-b']) },
  { says: 'a ttl within the bound, shared with everybody', who: 'root', does: offered('bothy-templates', '12h', ['*']) },
  {
    says: 'no ttl, shared where starts are bounded',
    who: 'root',
    does: offered('bothy-templates', null, ['team-a', 'team-c']),
    refused: /spec\.schedule\.ttl: Invalid value: "0s": must be more than 0s and at most 12h/,
  },
  {
    says: 'a ttl beyond the bound of some, shared with everybody',
    who: 'root',
    does: offered('bothy-templates', '1d', ['*']),
    refused: /spec\.schedule\.ttl: Invalid value: "1d": [^]*bothy-system\/of-team-c/,
  },
  {
    says: 'without a ttl from before, shared where starts are bounded',
    who: 'root',
    does: [...private_, JSON.stringify({ spec: { allowedNamespaces: ['team-c'] } })],
    refused: /spec\.schedule\.ttl: Invalid value: "0s"/,
  },
  {
    says: 'without a ttl from before, looked after',
    who: CONTROLLER,
    does: [
      '-n',
      'team-b',
      'patch',
      'template',
      'open',
      '--type=merge',
      '-p',
      JSON.stringify({ metadata: { finalizers: ['bothy.dev/in-use'] } }),
    ],
  },
]

export const EXTENSIONS: readonly Case[] = [
  { says: 'any extension, where nothing bounds it', who: 'ada', does: extend('team-a', { for: '720h' }) },
  { says: 'until any instant, where nothing bounds it', who: 'ada', does: extend('team-a', { until: END_OF_TIME }) },
  { says: 'an extension within the bound', who: 'berta', does: extend('team-b', { for: '48h' }) },
  {
    says: 'an extension beyond the bound',
    who: 'berta',
    does: extend('team-b', { for: '48h1s' }),
    refused: /spec\.for: Invalid value: "48h1s": must be at most 48h \(maxTtl of the ConfigMap bothy-system\/of-team-b\)/,
  },
  { says: 'until an instant within the bound', who: 'berta', does: extend('team-b', { until: inHours(47) }) },
  {
    says: 'until an instant within the bound, said in another zone',
    who: 'berta',
    does: extend('team-b', { until: inHours(47 + 9).replace('Z', '+09:00') }),
  },
  {
    says: 'until an instant beyond the bound',
    who: 'berta',
    does: extend('team-b', { until: inHours(49) }),
    refused:
      /spec\.until: Invalid value: "[-\d]+T[\d:.]+Z": must be at most 48h from now \(maxTtl of the ConfigMap bothy-system\/of-team-b\)/,
  },
  {
    says: 'until an instant beyond the bound, said in another zone',
    who: 'berta',
    does: extend('team-b', { until: inHours(49 - 9).replace('Z', '-09:00') }),
    refused: /spec\.until: Invalid value/,
  },
  {
    says: 'until the end of time',
    who: 'berta',
    does: extend('team-b', { until: END_OF_TIME }),
    refused: /spec\.until: Invalid value: "9999-12-31T23:59:59Z": must be at most 48h from now/,
  },
  {
    says: 'until the end of time, as if it were asked then',
    who: 'berta',
    does: named(extend('team-b', { until: END_OF_TIME }), { creationTimestamp: END_OF_TIME }),
    refused: /spec\.until: Invalid value/,
  },
  { says: 'until an instant within the bound, applied', who: 'berta', does: named(extend('team-b', { until: inHours(47) })), by: APPLIED },
  {
    says: 'until an instant beyond the bound, applied',
    who: 'berta',
    does: named(extend('team-b', { until: inHours(49) })),
    by: APPLIED,
    refused: /spec\.until: Invalid value/,
  },
]

export const HOLDS: readonly Case[] = [
  { says: 'any hold, where nothing bounds it', who: 'ada', does: hold('team-a', '100h') },
  { says: 'a hold within the bound', who: 'berta', does: hold('team-b', '4h') },
  {
    says: 'a hold beyond the bound',
    who: 'berta',
    does: hold('team-b', '4h1s'),
    refused: /spec\.for: Invalid value: "4h1s": must be at most 4h \(maxHold of the ConfigMap bothy-system\/of-team-b\)/,
  },
  { says: 'the end of a hold', who: 'berta', does: hold('team-b', '0s') },
  { says: 'a hold as long as a start, where only starts are bounded', who: 'carl', does: hold('team-c', '12h') },
  {
    says: 'a hold longer than any start',
    who: 'carl',
    does: hold('team-c', '12h1s'),
    refused: /spec\.for: Invalid value: "12h1s": must be at most 12h \(maxTtl of the ConfigMap bothy-system\/of-team-c\)/,
  },
  { says: 'another request than one about time', who: 'carl', does: request('team-c', { workspace: 'x', action: 'Start' }) },
]
