import { describe, expect, test } from 'vitest'
import { decide } from '../../controller/reconcile/workspace/decide.ts'
import { CONTROLLER } from '../../controller/reconcile/workspace/seen.ts'
import type { Seen } from '../../controller/reconcile/workspace/seen.ts'
import { summary, type Summary } from './summary.ts'
import {
  agent,
  build,
  canceled,
  failed,
  HOUR,
  look,
  MINUTE,
  NOW,
  parameter,
  provisioner,
  queued,
  request,
  running,
  SECOND,
  silentAgent,
  stop,
  template,
  todaysInputs,
  UID,
  V1,
  V2,
  version,
  workspace,
  world,
} from './worlds.ts'

const TABLES: Readonly<Record<string, readonly (readonly [sentence: string, seen: Seen, expected: Summary])[]>> = {
  'the first start': [
    [
      'a workspace that was never built is started, and made ours first',
      world({ workspace: { hasFinalizer: false } }),
      {
        does: ['add-finalizer', 'start 1 (Created)'],
        ready: 'False Queued',
        under: 'Reconciling Queued',
        state: 'Queued',
        wakesInMs: null,
      },
    ],
    [
      'while its build waits, it is queued and left alone',
      world({ builds: [queued()] }),
      { does: [], ready: 'False Queued', under: 'Reconciling Queued', state: 'Queued', wakesInMs: 5 * SECOND },
    ],
    [
      'while its build runs, it is starting',
      world({ builds: [running()] }),
      { does: [], ready: 'False Starting', under: 'Reconciling Starting', state: 'Starting', wakesInMs: 5 * SECOND },
    ],
    [
      'built, with an agent that has not connected, it is still starting',
      world({
        builds: [build({ finishedAt: NOW - SECOND })],
        agents: [
          agent({
            status: 'Connecting',
            createdAt: NOW - 2 * SECOND,
            firstConnectedAt: null,
            connectedAt: null,
            lastSeenAt: null,
            lifecycle: 'Created',
          }),
        ],
      }),
      { does: [], ready: 'False AgentConnecting', under: 'Reconciling AgentConnecting', state: 'Starting', wakesInMs: 29 * SECOND },
    ],
    [
      'with an agent that runs its start scripts it is not ready yet',
      world({ builds: [build()], agents: [agent({ lifecycle: 'Starting' })] }),
      { does: [], ready: 'False AgentNotReady', under: 'Reconciling AgentNotReady', state: 'Running', wakesInMs: 59 * SECOND },
    ],
    [
      'with a ready agent it is as wanted',
      world({ builds: [build()], agents: [agent()] }),
      { does: [], ready: 'True Running', under: null, state: 'Running', wakesInMs: 59 * SECOND },
    ],
    [
      'a start script that failed leaves it usable, and says so',
      world({ builds: [build()], agents: [agent({ lifecycle: 'StartError' })] }),
      { does: [], ready: 'True Running', under: null, state: 'Running', wakesInMs: 59 * SECOND },
    ],
    [
      'an agent that never connects in time is no progress any more',
      world({
        builds: [build()],
        look: look({
          result: { machines: [{ type: 'bothy_process', name: 'main', present: true }] },
          queuedAt: NOW - 5 * MINUTE,
          finishedAt: NOW - 5 * MINUTE,
        }),
        agents: [agent({ status: 'Timeout', firstConnectedAt: null, connectedAt: null, lastSeenAt: null, lifecycle: 'Created' })],
      }),
      { does: ['look'], ready: 'False AgentTimeout', under: null, state: 'Starting', wakesInMs: MINUTE },
    ],
    [
      'a template without agents is running when it is built',
      world({ builds: [build()] }),
      { does: [], ready: 'True Running', under: null, state: 'Running', wakesInMs: null },
    ],
    [
      'what happened is told once, when its status does not know it yet',
      world({ workspace: { before: { conditions: [], build: { number: 1, phase: 'Running' } } }, builds: [build()] }),
      { does: ['tell Started'], ready: 'True Running', under: null, state: 'Running', wakesInMs: null },
    ],
  ],
  'the template': [
    [
      'missing: it waits, and recovers by itself',
      world({ template: null, versions: [] }),
      { does: [], ready: 'False TemplateMissing', under: 'Reconciling TemplateMissing', state: 'Pending', wakesInMs: null },
    ],
    [
      'being imported: it waits',
      world({
        template: template({ activeDigest: null, problem: { message: 'Version 1 is being imported.', stalled: false } }),
        versions: [],
      }),
      { does: [], ready: 'False TemplateNotReady', under: 'Reconciling TemplateNotReady', state: 'Pending', wakesInMs: null },
    ],
    [
      'broken before any version: waiting does not help',
      world({ template: template({ activeDigest: null, problem: { message: 'main.tf:1: no', stalled: true } }), versions: [] }),
      { does: [], ready: 'False TemplateNotReady', under: 'Stalled TemplateNotReady', state: 'Pending', wakesInMs: null },
    ],
    [
      'of another namespace without a grant: refused',
      world({ workspace: { template: { name: 'node', namespace: 'shared', digest: null } }, template: template({ namespace: 'shared' }) }),
      { does: [], ready: 'False TemplateNotAllowed', under: 'Stalled TemplateNotAllowed', state: 'Pending', wakesInMs: null },
    ],
    [
      'of another namespace with a grant: started',
      world({
        workspace: { template: { name: 'node', namespace: 'shared', digest: null } },
        template: template({ namespace: 'shared', allowedNamespaces: ['default'] }),
      }),
      { does: ['start 1 (Created)'], ready: 'False Queued', under: 'Reconciling Queued', state: 'Queued', wakesInMs: null },
    ],
    [
      'deprecated: new workspaces are refused',
      world({ template: template({ deprecated: 'use node24' }) }),
      { does: [], ready: 'False TemplateDeprecated', under: 'Stalled TemplateDeprecated', state: 'Pending', wakesInMs: null },
    ],
    [
      'deprecated: existing workspaces go on',
      world({ template: template({ deprecated: 'use node24' }), builds: [build()], workspace: { parameters: { cpu: '4' } } }),
      { does: ['start 2 (Updated)'], ready: 'False Queued', under: 'Reconciling Queued', state: 'Queued', wakesInMs: null },
    ],
    [
      'being deleted: starts nothing new',
      world({ template: template({ deleting: true }) }),
      { does: [], ready: 'False TemplateNotReady', under: 'Reconciling TemplateNotReady', state: 'Pending', wakesInMs: null },
    ],
    [
      'gone under a running workspace: it goes on running',
      world({ template: null, versions: [], builds: [build()], agents: [agent()] }),
      { does: [], ready: 'True Running', under: null, state: 'Running', wakesInMs: 59 * SECOND },
    ],
    [
      'gone: a stop goes on with the version of its own',
      world({ template: null, versions: [], builds: [build()], workspace: { power: 'Stopped' } }),
      { does: ['stop 2 (Policy)'], ready: 'False Queued', under: 'Reconciling Queued', state: 'Stopping', wakesInMs: null },
    ],
    [
      'gone: deletion makes progress without it',
      world({ template: null, versions: [], builds: [build()], workspace: { deleting: true } }),
      { does: ['destroy 2 (Deleted)'], ready: 'False Queued', under: 'Reconciling Queued', state: 'Deleting', wakesInMs: null },
    ],
    [
      'with a variable from elsewhere: nothing is built without its value',
      world({ template: template({ variablesProblem: 'Variable token …' }) }),
      { does: [], ready: 'False VariableMissing', under: 'Stalled VariableMissing', state: 'Pending', wakesInMs: null },
    ],
  ],
  'what changes at once': [
    [
      'a parameter of a running workspace: one start build',
      world({ workspace: { parameters: { cpu: '4' } }, builds: [build()], agents: [agent()] }),
      { does: ['start 2 (Updated)'], ready: 'False Queued', under: 'Reconciling Queued', state: 'Queued', wakesInMs: 59 * SECOND },
    ],
    [
      'a parameter of a stopped workspace: nothing until it starts',
      world({ workspace: { parameters: { cpu: '4' } }, builds: [stop(), build()] }),
      { does: [], ready: 'True Stopped', under: null, state: 'Stopped', wakesInMs: null },
    ],
    [
      'a preset: one start build',
      world({ workspace: { preset: 'large' }, builds: [build()] }),
      { does: ['start 2 (Updated)'], ready: 'False Queued', under: 'Reconciling Queued', state: 'Queued', wakesInMs: null },
    ],
    [
      'a pinned version: one start build',
      world({
        workspace: { template: { name: 'node', namespace: 'default', digest: V2 } },
        versions: [version(), version({ digest: V2 })],
        builds: [build()],
      }),
      { does: ['start 2 (Updated)'], ready: 'False Queued', under: 'Reconciling Queued', state: 'Queued', wakesInMs: null },
    ],
    [
      'a pinned version that nobody imported: stalled, and it goes on running',
      world({ workspace: { template: { name: 'node', namespace: 'default', digest: V2 } }, builds: [build()] }),
      { does: [], ready: 'False TemplateNotReady', under: 'Stalled TemplateNotReady', state: 'Running', wakesInMs: null },
    ],
    [
      'a new active version alone: nothing, with updates Manual',
      world({ template: template({ activeDigest: V2 }), versions: [version(), version({ digest: V2 })], builds: [build()] }),
      { does: [], ready: 'True Running', under: null, state: 'Running', wakesInMs: null },
    ],
    [
      'a new active version alone: nothing until the next start, with updates Automatic',
      world({
        workspace: { updates: 'Automatic' },
        template: template({ activeDigest: V2 }),
        versions: [version(), version({ digest: V2 })],
        builds: [build()],
      }),
      { does: [], ready: 'True Running', under: null, state: 'Running', wakesInMs: null },
    ],
    [
      'while a build runs: it waits for that build',
      world({ workspace: { parameters: { cpu: '4' } }, builds: [running()] }),
      { does: [], ready: 'False Starting', under: 'Reconciling Starting', state: 'Starting', wakesInMs: 5 * SECOND },
    ],
    [
      'a value that the template does not allow: stalled, nothing is queued',
      world({ workspace: { parameters: { cpu: 'many' } }, builds: [build()] }),
      { does: [], ready: 'False ParameterInvalid', under: 'Stalled ParameterInvalid', state: 'Running', wakesInMs: null },
    ],
    [
      'a parameter that must not change: stalled',
      world({
        versions: [version({ parameters: [parameter({ mutable: false })] })],
        workspace: { parameters: { cpu: '4' } },
        builds: [build()],
      }),
      { does: [], ready: 'False ParameterInvalid', under: 'Stalled ParameterInvalid', state: 'Running', wakesInMs: null },
    ],
    [
      'a required parameter without a value: stalled',
      world({ versions: [version({ parameters: [parameter({ required: true, default: null })] })] }),
      { does: [], ready: 'False ParameterInvalid', under: 'Stalled ParameterInvalid', state: 'Pending', wakesInMs: null },
    ],
    [
      'an update that must be approved is not made behind anybody’s back',
      world({ workspace: { parameters: { cpu: '4' } }, template: template({ approval: 'Plan' }), builds: [build()] }),
      { does: ['plan (Updated)'], ready: 'False Planning', under: 'Reconciling Planning', state: 'Running', wakesInMs: null },
    ],
    [
      'after StartFailed: new inputs are tried at once',
      world({
        workspace: { parameters: { cpu: '4' } },
        builds: [failed({ number: 3 }), failed({ number: 2 }), failed({ number: 1 })],
      }),
      { does: ['start 4 (Retry)'], ready: 'False Queued', under: 'Reconciling Queued', state: 'Queued', wakesInMs: null },
    ],
  ],
  power: [
    [
      'Stopped: a running workspace is stopped',
      world({ workspace: { power: 'Stopped' }, builds: [build()] }),
      { does: ['stop 2 (Policy)'], ready: 'False Queued', under: 'Reconciling Queued', state: 'Stopping', wakesInMs: null },
    ],
    [
      'Stopped: one that was never built counts as stopped',
      world({ workspace: { power: 'Stopped' } }),
      { does: [], ready: 'True Stopped', under: null, state: 'Stopped', wakesInMs: null },
    ],
    [
      'Stopped: a start that runs is cancelled',
      world({ workspace: { power: 'Stopped' }, builds: [running()] }),
      {
        does: ['cancel 1'],
        ready: 'False CancelRequested',
        under: 'Reconciling CancelRequested',
        state: 'Starting',
        wakesInMs: 5 * SECOND,
      },
    ],
    [
      'Stopped: a start that is cancelled already is waited for',
      world({
        workspace: { power: 'Stopped' },
        builds: [running({ phase: 'Canceling', cancelRequestedAt: NOW - SECOND, cancelBy: CONTROLLER })],
      }),
      { does: [], ready: 'False CancelRequested', under: 'Reconciling CancelRequested', state: 'Starting', wakesInMs: 5 * SECOND },
    ],
    [
      'Stopped: after a start that was cancelled, what it made is stopped',
      world({ workspace: { power: 'Stopped' }, builds: [canceled(CONTROLLER)] }),
      { does: ['stop 2 (Policy)'], ready: 'False Queued', under: 'Reconciling Queued', state: 'Stopping', wakesInMs: null },
    ],
    [
      'Stopped: a start cancelled before anybody took it needs no stop',
      world({
        workspace: { power: 'Stopped' },
        builds: [canceled(CONTROLLER, { number: 3, startedAt: null, claimedAt: null }), stop(), build()],
      }),
      { does: [], ready: 'True Stopped', under: null, state: 'Stopped', wakesInMs: null },
    ],
    [
      'Running: a stopped workspace is started',
      world({ workspace: { power: 'Running' }, builds: [stop(), build()] }),
      { does: ['start 3 (Policy)'], ready: 'False Queued', under: 'Reconciling Queued', state: 'Queued', wakesInMs: null },
    ],
    [
      'Running: satisfied by a succeeded start with today’s inputs',
      world({ workspace: { power: 'Running' }, builds: [build()] }),
      { does: [], ready: 'True Running', under: null, state: 'Running', wakesInMs: null },
    ],
    [
      'Running: a stop in flight is never cancelled',
      world({ workspace: { power: 'Running' }, builds: [running({ number: 2, transition: 'stop' }), build()] }),
      { does: [], ready: 'False Stopping', under: 'Reconciling Stopping', state: 'Stopping', wakesInMs: 5 * SECOND },
    ],
    [
      'Running → Auto: it stays as it is',
      world({ builds: [build({ reason: 'Policy' })] }),
      { does: [], ready: 'True Running', under: null, state: 'Running', wakesInMs: null },
    ],
  ],
  'suspended, paused, brought down': [
    [
      'a suspended owner’s workspace is stopped at once',
      world({ owner: { identity: null, suspended: true }, builds: [build()] }),
      { does: ['stop 2 (Suspended)'], ready: 'False Queued', under: 'Reconciling Queued', state: 'Stopping', wakesInMs: null },
    ],
    [
      'a suspended owner cannot hide behind a pause',
      world({ owner: { identity: null, suspended: true }, workspace: { paused: true }, builds: [build()] }),
      { does: ['stop 2 (Suspended)'], ready: 'False Queued', under: 'Reconciling Queued', state: 'Stopping', wakesInMs: null },
    ],
    [
      'suspended wins over power: Running',
      world({ owner: { identity: null, suspended: true }, workspace: { power: 'Running' }, builds: [stop(), build()] }),
      { does: [], ready: 'True Stopped', under: null, state: 'Stopped', wakesInMs: null },
    ],
    [
      'a paused workspace is left alone',
      world({ workspace: { paused: true, parameters: { cpu: '4' } }, builds: [build()] }),
      { does: [], ready: 'Unknown Paused', under: null, state: 'Paused', wakesInMs: null },
    ],
    [
      'a paused workspace is not even built',
      world({ workspace: { paused: true } }),
      { does: [], ready: 'Unknown Paused', under: null, state: 'Paused', wakesInMs: null },
    ],
    [
      'a pause does not hold up a deletion',
      world({ workspace: { paused: true, deleting: true }, builds: [build()] }),
      { does: ['destroy 2 (Deleted)'], ready: 'False Queued', under: 'Reconciling Queued', state: 'Deleting', wakesInMs: null },
    ],
    [
      'brought down: stopped, though power is Running',
      world({ broughtDown: true, workspace: { power: 'Running' }, builds: [build()] }),
      { does: ['stop 2 (BroughtDown)'], ready: 'False Queued', under: 'Reconciling Queued', state: 'Stopping', wakesInMs: null },
    ],
    [
      'brought down: stopped, though it is paused',
      world({ broughtDown: true, workspace: { paused: true }, builds: [build()] }),
      { does: ['stop 2 (BroughtDown)'], ready: 'False Queued', under: 'Reconciling Queued', state: 'Stopping', wakesInMs: null },
    ],
    [
      'brought down: a start that runs is cancelled',
      world({ broughtDown: true, builds: [running()] }),
      {
        does: ['cancel 1'],
        ready: 'False CancelRequested',
        under: 'Reconciling CancelRequested',
        state: 'Starting',
        wakesInMs: 5 * SECOND,
      },
    ],
    [
      'up again: what ran runs again',
      world({ builds: [stop({ reason: 'BroughtDown' }), build()] }),
      { does: ['start 3 (Resumed)'], ready: 'False Queued', under: 'Reconciling Queued', state: 'Queued', wakesInMs: null },
    ],
    [
      'up again: what was stopped before stays stopped',
      world({ builds: [stop(), build()] }),
      { does: [], ready: 'True Stopped', under: null, state: 'Stopped', wakesInMs: null },
    ],
  ],
  retries: [
    [
      'a failed start is tried again after ten seconds, and not before',
      world({ builds: [failed({ finishedAt: NOW - 4 * SECOND })] }),
      { does: [], ready: 'False Retry', under: 'Reconciling Retry', state: 'Pending', wakesInMs: 6 * SECOND },
    ],
    [
      'at that instant it is tried',
      world({ builds: [failed({ finishedAt: NOW - 10 * SECOND })] }),
      { does: ['start 2 (Retry)'], ready: 'False Queued', under: 'Reconciling Queued', state: 'Queued', wakesInMs: null },
    ],
    [
      'the second failure doubles the wait',
      world({ builds: [failed({ number: 2, finishedAt: NOW - 4 * SECOND }), failed()] }),
      { does: [], ready: 'False Retry', under: 'Reconciling Retry', state: 'Pending', wakesInMs: 16 * SECOND },
    ],
    [
      'after three tries it is stalled',
      world({ builds: [failed({ number: 3 }), failed({ number: 2 }), failed()] }),
      { does: [], ready: 'False StartFailed', under: 'Stalled StartFailed', state: 'Failed', wakesInMs: null },
    ],
    [
      'out of tries under power: Running it is stalled too',
      world({ workspace: { power: 'Running' }, builds: [failed({ number: 3 }), failed({ number: 2 }), failed()] }),
      { does: [], ready: 'False StartFailed', under: 'Stalled StartFailed', state: 'Failed', wakesInMs: null },
    ],
    [
      'interrupted builds are paced, but are no tries',
      world({
        builds: [4, 3, 2, 1].map((number) =>
          failed({
            number,
            errorReason: (['Interrupted', 'ProvisionerLost', 'DockerUnavailable'] as const)[number % 3] ?? null,
            finishedAt: NOW - 80 * SECOND,
          }),
        ),
      }),
      { does: ['start 5 (Retry)'], ready: 'False Queued', under: 'Reconciling Queued', state: 'Queued', wakesInMs: null },
    ],
    [
      'canceled by a person: not tried again',
      world({ builds: [canceled('request cancel-1')] }),
      { does: [], ready: 'False BuildCanceled', under: 'Stalled BuildCanceled', state: 'Failed', wakesInMs: null },
    ],
    [
      'canceled by a person: tried with new inputs',
      world({ workspace: { parameters: { cpu: '4' } }, builds: [canceled('request cancel-1')] }),
      { does: ['start 2 (Retry)'], ready: 'False Queued', under: 'Reconciling Queued', state: 'Queued', wakesInMs: null },
    ],
    [
      'a stop is tried for ever',
      world({
        workspace: { power: 'Stopped' },
        builds: [...Array.from({ length: 7 }, (_, i) => stop({ phase: 'Failed', number: 8 - i, finishedAt: NOW - 11 * MINUTE })), build()],
      }),
      { does: ['stop 9 (Policy)'], ready: 'False Queued', under: 'Reconciling Queued', state: 'Stopping', wakesInMs: null },
    ],
    [
      'never further apart than ten minutes',
      world({
        workspace: { power: 'Stopped' },
        builds: [...Array.from({ length: 20 }, (_, i) => stop({ phase: 'Failed', number: 21 - i, finishedAt: NOW - SECOND })), build()],
      }),
      { does: [], ready: 'False Retry', under: 'Reconciling Retry', state: 'Stopping', wakesInMs: 10 * MINUTE - SECOND },
    ],
    [
      'a stop that a person canceled is tried again',
      world({
        workspace: { power: 'Stopped' },
        builds: [stop({ phase: 'Canceled', cancelBy: 'request cancel-1', finishedAt: NOW - 10 * SECOND }), build()],
      }),
      { does: ['stop 3 (Policy)'], ready: 'False Queued', under: 'Reconciling Queued', state: 'Stopping', wakesInMs: null },
    ],
    [
      'a failed stop whose own rule no longer says so is not tried again',
      world({ builds: [stop({ phase: 'Failed', reason: 'Policy' }), build()] }),
      { does: [], ready: 'False BuildFailed', under: 'Stalled BuildFailed', state: 'Failed', wakesInMs: null },
    ],
    [
      'a failed update of a running workspace is tried again',
      world({ builds: [failed({ number: 2, finishedAt: NOW - MINUTE }), build()] }),
      { does: ['start 3 (Retry)'], ready: 'False Queued', under: 'Reconciling Queued', state: 'Queued', wakesInMs: null },
    ],
    [
      'a mended template heals what its old version could not start',
      world({
        template: template({ activeDigest: V2 }),
        versions: [version(), version({ digest: V2 })],
        builds: [failed({ number: 5 }), failed({ number: 4 }), failed({ number: 3 }), stop(), build()],
      }),
      { does: ['start 6 (Retry)'], ready: 'False Queued', under: 'Reconciling Queued', state: 'Queued', wakesInMs: null },
    ],
  ],
  'the provisioner gate': [
    [
      'no provisioner: no build row, and silence at first',
      world({ provisioners: [] }),
      { does: [], ready: 'False NoProvisioner', under: 'Reconciling NoProvisioner', state: 'Pending', wakesInMs: 10 * SECOND },
    ],
    [
      'while the control plane starts, that is not worth telling',
      world({ provisioners: [], controllerStartedAt: NOW - 9 * SECOND }),
      { does: [], ready: 'False Queued', under: 'Reconciling Queued', state: 'Pending', wakesInMs: SECOND },
    ],
    [
      'exactly 90 s is fresh',
      world({ provisioners: [provisioner({ lastSeenAt: NOW - 90 * SECOND })] }),
      { does: ['start 1 (Created)'], ready: 'False Queued', under: 'Reconciling Queued', state: 'Queued', wakesInMs: null },
    ],
    [
      '90.001 s is stale',
      world({ provisioners: [provisioner({ lastSeenAt: NOW - 90_001 })] }),
      { does: [], ready: 'False NoProvisioner', under: 'Reconciling NoProvisioner', state: 'Pending', wakesInMs: 10 * SECOND },
    ],
    [
      'wrong labels do not serve',
      world({ template: template({ labels: { gpu: 'yes' } }), provisioners: [provisioner({ labels: { gpu: 'no' } })] }),
      { does: [], ready: 'False NoProvisioner', under: 'Reconciling NoProvisioner', state: 'Pending', wakesInMs: 10 * SECOND },
    ],
    [
      'more labels than are asked for serve',
      world({ template: template({ labels: { gpu: 'yes' } }), provisioners: [provisioner({ labels: { gpu: 'yes', zone: 'eu' } })] }),
      { does: ['start 1 (Created)'], ready: 'False Queued', under: 'Reconciling Queued', state: 'Queued', wakesInMs: null },
    ],
    [
      'what has something on one machine waits for a provisioner there',
      world({
        builds: [build({ result: { place: 'here' }, phase: 'Failed', finishedAt: NOW - HOUR })],
        provisioners: [provisioner({ labels: { 'bothy.dev/place': 'there' } })],
      }),
      { does: [], ready: 'False NoProvisioner', under: 'Reconciling NoProvisioner', state: 'Pending', wakesInMs: 10 * SECOND },
    ],
    [
      'the provisioner of that machine serves it',
      world({
        builds: [build({ result: { place: 'here' }, phase: 'Failed', finishedAt: NOW - HOUR })],
        provisioners: [provisioner({ labels: { 'bothy.dev/place': 'here' } })],
      }),
      { does: ['start 2 (Retry)'], ready: 'False Queued', under: 'Reconciling Queued', state: 'Queued', wakesInMs: null },
    ],
    [
      'after ten seconds it is told, and looked at again in a minute',
      world({
        provisioners: [],
        workspace: { before: { build: null, conditions: [waitsForProvisioner('It waits for a provisioner.', NOW - 10 * SECOND)] } },
      }),
      {
        does: ['tell NoProvisioner'],
        ready: 'False NoProvisioner',
        under: 'Reconciling NoProvisioner',
        state: 'Pending',
        wakesInMs: MINUTE,
      },
    ],
    [
      'it is told once',
      world({
        provisioners: [],
        workspace: {
          before: { build: null, conditions: [waitsForProvisioner('No provisioner has reported lately: is one running?', NOW - HOUR)] },
        },
      }),
      { does: [], ready: 'False NoProvisioner', under: 'Reconciling NoProvisioner', state: 'Pending', wakesInMs: MINUTE },
    ],
    [
      'a person’s request passes',
      world({ provisioners: [], builds: [stop(), build()], requests: [request('Start')] }),
      { does: ['start 3 (Requested for Start-uid)'], ready: 'False Queued', under: 'Reconciling Queued', state: 'Queued', wakesInMs: null },
    ],
    [
      'a destroy waits too',
      world({ provisioners: [], workspace: { deleting: true }, builds: [build()] }),
      { does: [], ready: 'False NoProvisioner', under: 'Reconciling NoProvisioner', state: 'Deleting', wakesInMs: 10 * SECOND },
    ],
  ],
  requests: [
    [
      'Start starts what is stopped, and the build carries the request',
      world({ builds: [stop(), build()], requests: [request('Start')] }),
      { does: ['start 3 (Requested for Start-uid)'], ready: 'False Queued', under: 'Reconciling Queued', state: 'Queued', wakesInMs: null },
    ],
    [
      'Start of what runs changes nothing',
      world({ builds: [build()], requests: [request('Start')] }),
      { does: [], ready: 'True Running', under: null, state: 'Running', wakesInMs: null },
    ],
    [
      'Start begins its tries anew after StartFailed',
      world({ builds: [failed({ number: 3 }), failed({ number: 2 }), failed()], requests: [request('Start')] }),
      { does: ['start 4 (Requested for Start-uid)'], ready: 'False Queued', under: 'Reconciling Queued', state: 'Queued', wakesInMs: null },
    ],
    [
      'Start brings back what a person canceled',
      world({ builds: [canceled('request cancel-1')], requests: [request('Start')] }),
      { does: ['start 2 (Requested for Start-uid)'], ready: 'False Queued', under: 'Reconciling Queued', state: 'Queued', wakesInMs: null },
    ],
    [
      'Start waits for a stop in flight',
      world({ builds: [running({ number: 2, transition: 'stop' }), build()], requests: [request('Start')] }),
      { does: [], ready: 'False Stopping', under: 'Reconciling Stopping', state: 'Stopping', wakesInMs: 5 * SECOND },
    ],
    [
      'Stop stops what runs',
      world({ builds: [build()], requests: [request('Stop')] }),
      { does: ['stop 2 (Requested for Stop-uid)'], ready: 'False Queued', under: 'Reconciling Queued', state: 'Stopping', wakesInMs: null },
    ],
    [
      'Stop cancels a start that runs',
      world({ builds: [running()], requests: [request('Stop')] }),
      {
        does: ['cancel 1'],
        ready: 'False CancelRequested',
        under: 'Reconciling CancelRequested',
        state: 'Starting',
        wakesInMs: 5 * SECOND,
      },
    ],
    [
      'Stop does not count under power: Running',
      world({ workspace: { power: 'Running' }, builds: [build()], requests: [request('Stop')] }),
      { does: [], ready: 'True Running', under: null, state: 'Running', wakesInMs: null },
    ],
    [
      'Start does not count under power: Stopped',
      world({ workspace: { power: 'Stopped' }, builds: [stop(), build()], requests: [request('Start')] }),
      { does: [], ready: 'True Stopped', under: null, state: 'Stopped', wakesInMs: null },
    ],
    [
      'a failed stop that somebody asked for goes on after its answer',
      world({
        builds: [stop({ phase: 'Failed', requestUid: 'Stop-uid', finishedAt: NOW - MINUTE }), build()],
        requests: [request('Stop', { answer: { succeeded: false, reason: 'GaveUp' } })],
      }),
      { does: ['stop 3 (Requested)'], ready: 'False Queued', under: 'Reconciling Queued', state: 'Stopping', wakesInMs: null },
    ],
    [
      'Restart stops first',
      world({ builds: [build()], requests: [request('Restart')] }),
      {
        does: ['stop 2 (Requested for Restart-uid)'],
        ready: 'False Queued',
        under: 'Reconciling Queued',
        state: 'Stopping',
        wakesInMs: null,
      },
    ],
    [
      'Restart then starts',
      world({ builds: [stop({ requestUid: 'Restart-uid' }), build()], requests: [request('Restart')] }),
      {
        does: ['start 3 (Requested for Restart-uid)'],
        ready: 'False Queued',
        under: 'Reconciling Queued',
        state: 'Queued',
        wakesInMs: null,
      },
    ],
    [
      'Restart does not stop again when its own start failed',
      world({
        builds: [failed({ number: 3, requestUid: 'Restart-uid', finishedAt: NOW - MINUTE }), stop({ requestUid: 'Restart-uid' }), build()],
        requests: [request('Restart')],
      }),
      {
        does: ['start 4 (Requested for Restart-uid)'],
        ready: 'False Queued',
        under: 'Reconciling Queued',
        state: 'Queued',
        wakesInMs: null,
      },
    ],
    [
      'Restart of what is stopped only starts',
      world({ builds: [stop(), build()], requests: [request('Restart')] }),
      {
        does: ['start 3 (Requested for Restart-uid)'],
        ready: 'False Queued',
        under: 'Reconciling Queued',
        state: 'Queued',
        wakesInMs: null,
      },
    ],
    [
      'Restart cancels a start that runs, but not its own',
      world({ builds: [running({ number: 2 }), build()], requests: [request('Restart')] }),
      {
        does: ['cancel 2'],
        ready: 'False CancelRequested',
        under: 'Reconciling CancelRequested',
        state: 'Starting',
        wakesInMs: 5 * SECOND,
      },
    ],
    [
      'its own start is waited for',
      world({
        builds: [running({ number: 3, requestUid: 'Restart-uid' }), stop({ requestUid: 'Restart-uid' }), build()],
        requests: [request('Restart')],
      }),
      { does: [], ready: 'False Starting', under: 'Reconciling Starting', state: 'Starting', wakesInMs: 5 * SECOND },
    ],
    [
      'Restart works under power: Running',
      world({ workspace: { power: 'Running' }, builds: [build()], requests: [request('Restart')] }),
      {
        does: ['stop 2 (Requested for Restart-uid)'],
        ready: 'False Queued',
        under: 'Reconciling Queued',
        state: 'Stopping',
        wakesInMs: null,
      },
    ],
    [
      'Restart of what could not start again does not stop it',
      world({ workspace: { parameters: { cpu: 'many' } }, builds: [build()], requests: [request('Restart')] }),
      { does: [], ready: 'False ParameterInvalid', under: 'Stalled ParameterInvalid', state: 'Running', wakesInMs: null },
    ],
    [
      'the newer of two counts',
      world({ builds: [build()], requests: [request('Stop', { createdAt: NOW - 2 * SECOND }), request('Start')] }),
      { does: [], ready: 'True Running', under: null, state: 'Running', wakesInMs: null },
    ],
    [
      'in the same second Stop wins',
      world({ builds: [build()], requests: [request('Stop'), request('Start')] }),
      { does: ['stop 2 (Requested for Stop-uid)'], ready: 'False Queued', under: 'Reconciling Queued', state: 'Stopping', wakesInMs: null },
    ],
    [
      'in the same second an open one came after an answered one',
      world({
        builds: [stop(), build()],
        requests: [request('Start'), request('Stop', { answer: { succeeded: true, reason: 'Stopped' } })],
      }),
      { does: ['start 3 (Requested for Start-uid)'], ready: 'False Queued', under: 'Reconciling Queued', state: 'Queued', wakesInMs: null },
    ],
    [
      'an answered newer one still supersedes an older one that is open',
      world({
        builds: [stop(), build()],
        requests: [request('Start', { createdAt: NOW - MINUTE }), request('Stop', { answer: { succeeded: true, reason: 'Stopped' } })],
      }),
      { does: [], ready: 'True Stopped', under: null, state: 'Stopped', wakesInMs: null },
    ],
    [
      'a request for a namesake of before does not count',
      world({ builds: [stop(), build()], requests: [request('Start', { boundUid: 'another' })] }),
      { does: [], ready: 'True Stopped', under: null, state: 'Stopped', wakesInMs: null },
    ],
    [
      'a declared request does not count',
      world({ builds: [stop(), build()], requests: [request('Start', { declared: true })] }),
      { does: [], ready: 'True Stopped', under: null, state: 'Stopped', wakesInMs: null },
    ],
    [
      'Extend, Hold and CancelBuild decide nothing about power',
      world({ builds: [stop(), build()], requests: [request('Extend'), request('Hold'), request('CancelBuild')] }),
      { does: [], ready: 'True Stopped', under: null, state: 'Stopped', wakesInMs: null },
    ],
  ],
  'machine lost': [
    [
      'an agent that fell silent is not looked for at once',
      world({ builds: [build()], agents: [silentAgent(2 * SECOND)] }),
      { does: [], ready: 'False AgentDisconnected', under: 'Reconciling AgentDisconnected', state: 'Running', wakesInMs: 3 * SECOND },
    ],
    [
      'after five seconds its machine is looked for',
      world({ builds: [build()], agents: [silentAgent(5 * SECOND)] }),
      { does: ['look'], ready: 'False AgentDisconnected', under: 'Reconciling AgentDisconnected', state: 'Running', wakesInMs: MINUTE },
    ],
    [
      'after a start of the controller agents get three seconds to speak first',
      world({ builds: [build()], agents: [silentAgent(HOUR)], controllerStartedAt: NOW - SECOND }),
      { does: [], ready: 'False AgentDisconnected', under: 'Reconciling AgentDisconnected', state: 'Running', wakesInMs: 2 * SECOND },
    ],
    [
      'while a look is under way nothing is queued',
      world({ builds: [build()], agents: [silentAgent(8 * SECOND)], look: look({ phase: 'Running', finishedAt: null, result: null }) }),
      { does: [], ready: 'False AgentDisconnected', under: 'Reconciling AgentDisconnected', state: 'Running', wakesInMs: null },
    ],
    [
      'a look that finds it looks again later',
      world({
        builds: [build()],
        agents: [silentAgent(8 * SECOND)],
        look: look({ result: { machines: [{ type: 'bothy_process', name: 'main', present: true }] } }),
      }),
      { does: [], ready: 'False AgentDisconnected', under: 'Reconciling AgentDisconnected', state: 'Running', wakesInMs: 9 * SECOND },
    ],
    [
      'the longer it is silent, the rarer the looks',
      world({
        builds: [build()],
        agents: [silentAgent(5 * MINUTE)],
        look: look({ result: { machines: [{ type: 'bothy_process', name: 'main', present: true }] } }),
      }),
      {
        does: [],
        ready: 'False AgentDisconnected',
        under: 'Reconciling AgentDisconnected',
        state: 'Running',
        wakesInMs: 5 * MINUTE - 2 * SECOND,
      },
    ],
    [
      'a look that does not find it starts a new one',
      world({ builds: [build()], agents: [silentAgent(8 * SECOND)], look: lost() }),
      {
        does: ['start 2 (MachineLost) telling MachineLost'],
        ready: 'False Queued',
        under: 'Reconciling Queued',
        state: 'Queued',
        wakesInMs: null,
      },
    ],
    [
      'under power: Running too',
      world({ workspace: { power: 'Running' }, builds: [build()], agents: [silentAgent(8 * SECOND)], look: lost() }),
      {
        does: ['start 2 (MachineLost) telling MachineLost'],
        ready: 'False Queued',
        under: 'Reconciling Queued',
        state: 'Queued',
        wakesInMs: null,
      },
    ],
    [
      'a look from before it fell silent says nothing',
      world({ builds: [build()], agents: [silentAgent(5 * SECOND)], look: lost({ queuedAt: NOW - MINUTE, finishedAt: NOW - MINUTE }) }),
      { does: ['look'], ready: 'False AgentDisconnected', under: 'Reconciling AgentDisconnected', state: 'Running', wakesInMs: MINUTE },
    ],
    [
      'an agent that came back ends it',
      world({ builds: [build()], agents: [agent()], look: lost() }),
      { does: [], ready: 'True Running', under: null, state: 'Running', wakesInMs: 59 * SECOND },
    ],
    [
      'four times in an hour is stalled until the hour is over',
      world({
        builds: [4, 3, 2]
          .map((number) => build({ number, reason: 'MachineLost', queuedAt: NOW - (50 - number * 10) * MINUTE }))
          .concat(build()),
        agents: [silentAgent(8 * SECOND)],
        look: lost(),
      }),
      { does: [], ready: 'False MachineLost', under: 'Stalled MachineLost', state: 'Running', wakesInMs: 30 * MINUTE },
    ],
    [
      'without a provisioner nobody is asked to look',
      world({ builds: [build()], agents: [silentAgent(8 * SECOND)], provisioners: [] }),
      { does: [], ready: 'False AgentDisconnected', under: 'Reconciling AgentDisconnected', state: 'Running', wakesInMs: MINUTE },
    ],
    [
      'a stopped workspace has no machine to lose',
      world({ builds: [stop(), build()], agents: [silentAgent(HOUR)], look: lost() }),
      { does: [], ready: 'True Stopped', under: null, state: 'Stopped', wakesInMs: null },
    ],
  ],
  'before a stop': [
    [
      'ready agents are asked to run their stop scripts',
      world({ workspace: { power: 'Stopped' }, builds: [build()], agents: [agent()] }),
      { does: ['wish-shutdown'], ready: 'False Stopping', under: 'Reconciling Stopping', state: 'Stopping', wakesInMs: 59 * SECOND },
    ],
    [
      'they are waited for, two minutes at most',
      world({
        workspace: { power: 'Stopped' },
        builds: [build()],
        agents: [agent({ shutdownRequestedAt: NOW - 100 * SECOND, lifecycle: 'ShuttingDown' })],
      }),
      { does: [], ready: 'False Stopping', under: 'Reconciling Stopping', state: 'Stopping', wakesInMs: 20 * SECOND },
    ],
    [
      'when they are done it is stopped',
      world({
        workspace: { power: 'Stopped' },
        builds: [build()],
        agents: [agent({ shutdownRequestedAt: NOW - 5 * SECOND, lifecycle: 'Off' })],
      }),
      { does: ['stop 2 (Policy)'], ready: 'False Queued', under: 'Reconciling Queued', state: 'Stopping', wakesInMs: 59 * SECOND },
    ],
    [
      'a script that hangs is noted, and not waited for any longer',
      world({
        workspace: { power: 'Stopped' },
        builds: [build()],
        agents: [agent({ shutdownRequestedAt: NOW - 120 * SECOND, lifecycle: 'ShuttingDown' })],
      }),
      {
        does: ['stop 2 (Policy) telling ShutdownTimeout'],
        ready: 'False Queued',
        under: 'Reconciling Queued',
        state: 'Stopping',
        wakesInMs: 59 * SECOND,
      },
    ],
    [
      'under suspension ten seconds are enough',
      world({
        owner: { identity: null, suspended: true },
        builds: [build()],
        agents: [agent({ shutdownRequestedAt: NOW - 10 * SECOND, lifecycle: 'ShuttingDown' })],
      }),
      {
        does: ['stop 2 (Suspended) telling ShutdownTimeout'],
        ready: 'False Queued',
        under: 'Reconciling Queued',
        state: 'Stopping',
        wakesInMs: 59 * SECOND,
      },
    ],
    [
      'an agent that is not connected is not waited for',
      world({ workspace: { power: 'Stopped' }, builds: [build()], agents: [silentAgent(MINUTE)] }),
      { does: ['stop 2 (Policy)'], ready: 'False Queued', under: 'Reconciling Queued', state: 'Stopping', wakesInMs: MINUTE },
    ],
    [
      'what is deleted runs its stop scripts too',
      world({ workspace: { deleting: true }, builds: [build()], agents: [agent()] }),
      { does: ['wish-shutdown'], ready: 'False Stopping', under: 'Reconciling Stopping', state: 'Deleting', wakesInMs: 59 * SECOND },
    ],
  ],
  deletion: [
    [
      'what was never built goes at once',
      world({ workspace: { deleting: true } }),
      { does: ['remove-finalizer'], ready: 'False Deleting', under: 'Reconciling Deleting', state: 'Deleting', wakesInMs: null },
    ],
    [
      'what was built is destroyed first',
      world({ workspace: { deleting: true }, builds: [stop(), build()] }),
      { does: ['destroy 3 (Deleted)'], ready: 'False Queued', under: 'Reconciling Queued', state: 'Deleting', wakesInMs: null },
    ],
    [
      'a start that runs is cancelled',
      world({ workspace: { deleting: true }, builds: [running()] }),
      {
        does: ['cancel 1'],
        ready: 'False CancelRequested',
        under: 'Reconciling CancelRequested',
        state: 'Deleting',
        wakesInMs: 5 * SECOND,
      },
    ],
    [
      'a start cancelled before it began leaves nothing to destroy',
      world({ workspace: { deleting: true }, builds: [canceled(CONTROLLER, { startedAt: null })] }),
      { does: ['remove-finalizer'], ready: 'False Deleting', under: 'Reconciling Deleting', state: 'Deleting', wakesInMs: null },
    ],
    [
      'a destroy that succeeded lets the object go',
      world({ workspace: { deleting: true }, builds: [build({ number: 2, transition: 'destroy', reason: 'Deleted' }), build()] }),
      { does: ['remove-finalizer'], ready: 'False Deleting', under: 'Reconciling Deleting', state: 'Deleting', wakesInMs: null },
    ],
    [
      'a destroy that failed is tried again, for ever',
      world({
        workspace: { deleting: true },
        builds: [failed({ number: 2, transition: 'destroy', reason: 'Deleted', finishedAt: NOW - 3 * SECOND }), build()],
      }),
      { does: [], ready: 'False Retry', under: 'Reconciling Retry', state: 'Deleting', wakesInMs: 7 * SECOND },
    ],
    [
      'deletionPolicy Orphan lets go of what is there',
      world({ workspace: { deleting: true, deletionPolicy: 'Orphan' }, builds: [build()] }),
      { does: ['remove-finalizer'], ready: 'False Deleting', under: 'Reconciling Deleting', state: 'Deleting', wakesInMs: null },
    ],
    [
      'the annotation bothy.dev/abandon gives up, and says so',
      world({
        workspace: { deleting: true, abandoned: true },
        builds: [failed({ number: 2, transition: 'destroy', finishedAt: NOW - SECOND }), build()],
      }),
      {
        does: ['tell Abandoned', 'remove-finalizer'],
        ready: 'False Deleting',
        under: 'Reconciling Deleting',
        state: 'Deleting',
        wakesInMs: null,
      },
    ],
    [
      'nothing is let go while terraform works on it',
      world({ workspace: { deleting: true, abandoned: true }, builds: [running({ number: 2, transition: 'destroy' }), build()] }),
      { does: [], ready: 'False Deleting', under: 'Reconciling Deleting', state: 'Deleting', wakesInMs: 5 * SECOND },
    ],
    [
      'without our finalizer nothing is left to do',
      world({ workspace: { deleting: true, hasFinalizer: false } }),
      { does: [], ready: 'False Deleting', under: 'Reconciling Deleting', state: 'Deleting', wakesInMs: null },
    ],
  ],
}

function waitsForProvisioner(message: string, at: number) {
  const lastTransitionTime = new Date(at).toISOString()
  return { type: 'Reconciling', status: 'True' as const, reason: 'NoProvisioner', message, lastTransitionTime, observedGeneration: 1 }
}

function lost(over: Parameters<typeof look>[0] = {}) {
  return look({ result: { machines: [{ type: 'bothy_process', name: 'main', present: false }] }, ...over })
}

for (const [about, rows] of Object.entries(TABLES)) {
  describe(about, () => {
    test.each(rows)('%s', (_, seen, expected) => {
      expect(summary(decide(seen, NOW))).toEqual(expected)
    })
  })
}

test('a build is made of the values that count today', () => {
  const seen = world({ workspace: { preset: 'large', parameters: {} }, template: template({ variables: { region: 'eu' } }) })
  const [action] = decide(seen, NOW).actions
  expect(action?.do === 'queue-build' && action.build).toEqual({
    subject: { uid: UID, namespace: 'default', name: 'dev' },
    digest: V1,
    labels: {},
    number: 1,
    transition: 'start',
    reason: 'Created',
    initiator: 'bothy',
    class: 'person',
    requestUid: null,
    inputs: todaysInputs(seen).inputs,
    input: {
      owner: { name: 'ada', id: 'ada-id', fullName: 'Ada', email: 'ada@localhost' },
      template: { uid: 'template-uid', namespace: 'default', name: 'node' },
      parameters: { cpu: '8' },
      previousParameters: {},
      variables: { region: 'eu' },
      preset: 'large',
    },
  })
})

const digestWith = (over: Parameters<typeof world>[0]): string =>
  todaysInputs(
    world({ template: template({ activeDigest: V2 }), versions: [version(), version({ digest: V2 })], builds: [stop(), build()], ...over }),
  ).digest

test('the next start takes the active version with updates Automatic, and keeps its own without', () => {
  expect([
    digestWith({}),
    digestWith({ workspace: { updates: 'Automatic' } }),
    digestWith({ template: template({ activeDigest: V2, requireActiveVersion: true }) }),
  ]).toEqual([V1, V2, V2])
})

const heldBy = (seen: Seen): string | undefined =>
  decide(seen, NOW).conditions.find(({ type }) => type === 'Stalled' || type === 'Reconciling')?.message

test('messages name what a person must change', () => {
  expect(heldBy(world({ workspace: { parameters: { cpu: 'many' } } }))).toBe('Parameter "cpu" must be a number, not "many".')
  expect(heldBy(world({ template: null }))).toBe('Template default/node does not exist.')
  expect(heldBy(world({ builds: [failed({ finishedAt: NOW - SECOND })] }))).toBe(
    'Start build 1 failed: main.tf:3: no such thing. It is tried again.',
  )
})

test('a mistake in its source is shown, and the workspace goes on running', () => {
  const seen = world({ builds: [build()], workspace: { sourceError: 'dev.yaml:7:3: InvalidYaml: mapping expected' } })
  expect(decide(seen, NOW).conditions).toEqual([
    { type: 'Ready', status: 'True', reason: 'Running', message: 'It is running.' },
    { type: 'Running', status: 'True', reason: 'Running', message: 'It is running.' },
    {
      type: 'Declared',
      status: 'False',
      reason: 'InvalidYaml',
      message: 'The last good declaration stays in force. dev.yaml:7:3: InvalidYaml: mapping expected',
    },
  ])
})

test('what may exist unknown to any state is named', () => {
  const seen = world({ builds: [build({ result: { orphans: ['docker_container.x'] } })] })
  expect(decide(seen, NOW).conditions.find(({ type }) => type === 'OrphansPossible')).toMatchObject({
    status: 'True',
    message: expect.stringContaining('docker_container.x'),
  })
})

test('status says what people look for, and nothing that moves by itself', () => {
  const seen = world({ builds: [build({ result: { outputs: { url: 'http://x' } } })], agents: [agent()] })
  expect(decide(seen, NOW).status).toEqual({
    owner: 'ada',
    state: 'Running',
    power: { effective: 'Running', reason: 'Created', since: '2026-11-21T07:51:00Z' },
    build: {
      number: 1,
      transition: 'Start',
      reason: 'Created',
      phase: 'Succeeded',
      version: V1,
      startedAt: '2026-11-21T07:50:00Z',
      finishedAt: '2026-11-21T07:51:00Z',
    },
    template: { digest: V1, short: '111111111111', outdated: false },
    agents: [{ name: 'main', status: 'Connected', lifecycle: 'Ready' }],
    outputs: { url: 'http://x' },
  })
  expect(workspace().name).toBe('dev')
})
