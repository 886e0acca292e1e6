import { expect, test } from 'vitest'
import { explained, RULES as WANTS, wants } from '../../controller/reconcile/workspace/wants.ts'
import { RULES as TEMPLATE } from '../../controller/reconcile/template/decide.ts'
import { RULES as REQUEST } from '../../controller/reconcile/workspacerequest/decide.ts'
import { build, lookLost, NOW, request, silentAgent, world } from './worlds.ts'

/** The order of rules is the specification: a rule that moves must move here too. */

test('a workspace runs by these rules, in this order', () => {
  expect(WANTS.map(([number, rule]) => `${number} ${rule.name}`)).toEqual([
    '1 workspaceIsBeingDeleted',
    '2 ownerIsSuspended',
    'down bothyIsBroughtDown',
    '3 workspaceIsPaused',
    '4 itHasExpired',
    '5 powerIsStopped',
    '6 somebodyAsked',
    '7 stopIsRequired',
    '8 powerIsRunning',
    '9 failedBuildIsTriedAgain',
    '10 deadlineHasPassed',
    '11 nobodyUsesIt',
    '12 machineIsLost',
    '13 failedStartIsCleanedUp',
    '14 itIsDormant',
    '15 itIsUnused',
    '16 inputsHaveChanged',
    '17 autostartIsDue',
    'up bothyIsUpAgain',
    '18 workspaceWasNeverBuilt',
  ])
})

test('a template is judged by these rules, in this order', () => {
  expect(TEMPLATE.map((rule) => rule.name)).toEqual([
    'templateIsBeingDeleted',
    'wantedVersionIsImported',
    'pinnedVersionIsUnknown',
    'sourceCannotBeUsed',
    'importIsUnderWay',
    'variableIsMissing',
    'importFailed',
    'filesAreNew',
  ])
})

test('a request is answered by these rules, in this order', () => {
  expect(REQUEST.map((rule) => rule.name)).toEqual([
    'requestIsDeclared',
    'itsWorkspaceIsGone',
    'thereIsNoWorkspace',
    'ownStartSucceeded',
    'itIsRefused',
    'newerRequestCounts',
    'buildIsCanceled',
    'olderOneComesFirst',
    'itsTimeIsMoved',
    'itsOutcomeIsAwaited',
  ])
})

/** Everything that can be said at once; taking away the winner lets the next one speak. */
const everything = world({
  workspace: { deleting: true, paused: true, power: 'Stopped', parameters: { cpu: '4' } },
  owner: { identity: world().owner.identity, suspended: true },
  broughtDown: true,
  requests: [request('Start')],
  builds: [build()],
  agents: [silentAgent(8000)],
  look: lookLost(),
})

test('of several opinions the first counts', () => {
  const { workspace } = everything
  const worlds = [
    everything,
    { ...everything, workspace: { ...workspace, deleting: false } },
    { ...everything, workspace: { ...workspace, deleting: false }, owner: world().owner },
    { ...everything, workspace: { ...workspace, deleting: false }, owner: world().owner, broughtDown: false },
    { ...everything, workspace: { ...workspace, deleting: false, paused: false }, owner: world().owner, broughtDown: false },
    {
      ...everything,
      workspace: { ...workspace, deleting: false, paused: false, power: 'Auto' as const },
      owner: world().owner,
      broughtDown: false,
    },
    {
      ...everything,
      workspace: { ...workspace, deleting: false, paused: false, power: 'Running' as const },
      owner: world().owner,
      broughtDown: false,
      requests: [],
    },
    {
      ...everything,
      workspace: { ...workspace, deleting: false, paused: false, power: 'Auto' as const },
      owner: world().owner,
      broughtDown: false,
      requests: [],
    },
    {
      ...everything,
      workspace: { ...workspace, deleting: false, paused: false, power: 'Auto' as const },
      owner: world().owner,
      broughtDown: false,
      requests: [],
      look: null,
    },
  ]
  expect(worlds.map((seen) => `${wants(seen, NOW).wants} by: ${wants(seen, NOW).rule}`)).toEqual([
    'gone by: workspace is being deleted',
    'stopped by: owner is suspended',
    'stopped by: bothy is brought down',
    'as it is by: workspace is paused',
    'stopped by: power is stopped',
    'running by: somebody asked',
    'running by: power is running',
    'running by: machine is lost',
    'running by: inputs have changed',
  ])
})

test('an explanation shows every rule, and marks the one that decides', () => {
  const rules = explained(everything, NOW)
  expect(rules).toHaveLength(WANTS.length)
  expect(rules.filter(({ decides }) => decides)).toEqual([
    { rule: '1: workspace is being deleted', opinion: 'gone (Deleted): The workspace is being deleted.', decides: true },
  ])
})
