import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { systemClock } from '../../controller/kernel/clock.ts'
import { applyResource, planResource, readData, readResource } from '../../provider/calls.ts'
import { identityFromEnvironment, type Variables } from '../../provider/launched-environment.ts'
import type { Identity } from '../../provider/port.ts'
import { openSession } from '../../provider/session.ts'
import type { ObjectValue } from '../../provider/wire/values.ts'
import { recordingHost } from './host.ts'

/** What the oracle cannot be asked: types it does not have, and what a build says in place of an environment. */

const sessionOf = (identity: Partial<Identity>) => openSession(recordingHost(identity), { clock: systemClock, held: new Set() })

async function read(type: string, config: ObjectValue, identity: Partial<Identity> = {}) {
  const { state, diagnostics } = await readData(type, config, sessionOf(identity))
  return { state: state as ObjectValue | null, problems: diagnostics.map(({ detail, path }) => `${path.join('.')}: ${detail}`) }
}

const hashed = (text: string): string => createHash('sha256').update(text).digest('hex')
const SECRETS = new Map([
  ['env:TOKEN', 't-1'],
  ['file:~/.netrc', 'machine x'],
])
const ASK = { help_message: 'Ask the operators.', env: null, file: null }

test('a secret is found as a variable or as a file', async () => {
  const variable = await read('coder_secret', { ...ASK, env: 'TOKEN' }, { secrets: SECRETS })
  const file = await read('bothy_secret', { ...ASK, file: '~/.netrc' }, { secrets: SECRETS })
  expect(variable).toEqual({ state: { ...ASK, env: 'TOKEN', id: 'env:TOKEN', value: 't-1' }, problems: [] })
  expect(file).toEqual({ state: { ...ASK, file: '~/.netrc', id: 'file:~/.netrc', value: 'machine x' }, problems: [] })
})

test.each<[string, Partial<Identity>, readonly string[]]>([
  ['at the start of a build', {}, ['env: There is no secret for env "TOKEN". Ask the operators.']],
  ['when it is empty', { secrets: new Map([['env:TOKEN', '']]) }, ['env: There is no secret for env "TOKEN". Ask the operators.']],
  ['not at a stop', { transition: 'stop' }, []],
  ['not by hand', { buildId: '' }, []],
  ['not where a template is only read', { importing: true }, []],
])('a missing secret is a mistake: %s', async (_, identity, problems) => {
  expect((await read('coder_secret', { ...ASK, env: 'TOKEN' }, identity)).problems).toEqual(problems)
})

test('a token of another service; empty where there is none', async () => {
  const externalAuth = new Map([['github', 'gh']])
  const here = await read('coder_external_auth', { id: 'github', optional: null }, { externalAuth })
  const missing = await read('coder_external_auth', { id: 'gitlab', optional: true }, { externalAuth })
  expect(here.state).toEqual({ id: 'github', optional: null, access_token: 'gh' })
  expect(missing.state).toEqual({ id: 'gitlab', optional: true, access_token: '' })
})

async function flags(prebuild?: 'waiting' | 'claimed') {
  const { state } = await read('coder_workspace', {}, prebuild ? { prebuild } : {})
  return [state?.['is_prebuild'], state?.['prebuild_count'], state?.['is_prebuild_claim']]
}

test.each<[string, string, boolean]>([
  ['a uuid', 'a0a0a0a0-0000-4000-8000-000000000005', true],
  ['the uuid of nothing', '00000000-0000-0000-0000-000000000000', false],
  ['no uuid', 'task-1', false],
])('a task is known by %s', async (_, id, enabled) => {
  const { state } = await read('coder_task', {}, { task: { id, prompt: 'do' } })
  expect(state).toMatchObject({ enabled, prompt: 'do' })
  if (enabled) expect(state).toMatchObject({ id })
  const session = sessionOf({ task: { id, prompt: 'do' } })
  const app_id = 'a0a0a0a0-0000-4000-8000-000000000009'
  const made = await applyResource('coder_ai_task', null, { state: { app_id, sidebar_app: [] }, secret: new Uint8Array() }, session)
  expect(made.state).toMatchObject({ enabled, app_id, prompt: 'do' })
})

test('a workspace that waits, and the build that gives it to somebody', async () => {
  expect([await flags(), await flags('waiting'), await flags('claimed')]).toEqual([
    [false, 0, false],
    [true, 1, false],
    [false, 0, true],
  ])
})

test('a build says which template it is of', async () => {
  const template = { id: 't', name: '', version: 'v' }
  expect((await read('coder_workspace', {}, { template })).problems).toEqual([': The build does not say the name of its template.'])
  expect((await read('coder_workspace', {}, { template, buildId: '' })).problems).toEqual([])
})

test('the token of an agent that runs is kept by a claim, whatever was planned', async () => {
  const session = sessionOf({ prebuild: 'claimed', runningAgentTokens: { get: () => 'running' } })
  const config = { os: 'linux', arch: 'amd64', metadata: [], resources_monitoring: [], display_apps: [] }
  const none = { state: null, secret: new Uint8Array() }
  const planned = await planResource('coder_agent', none, config, config, session)
  const made = await applyResource('coder_agent', null, planned, session)
  expect(made.state).toMatchObject({ token: 'running' })
  const later = await readResource('coder_agent', made, sessionOf({}))
  expect(later.state).toMatchObject({ token: 'running' })
})

const BOTH: Variables = { BOTHY_WORKSPACE_NAME: 'ours', CODER_WORKSPACE_NAME: 'theirs', CODER_WORKSPACE_ID: 'w' }

test('our names come first, an empty one of ours counts where emptiness means something', () => {
  expect(identityFromEnvironment(BOTH).workspace).toEqual({ id: 'w', name: 'ours' })
  const given = identityFromEnvironment({ [`BOTHY_PARAMETER_${hashed('p')}`]: '', [`CODER_PARAMETER_${hashed('p')}`]: 'x' })
  expect(given.parameters.get('p')).toEqual('')
  expect(given.parameters.get('q')).toBeUndefined()
})

test('nothing is set: defaults that say so', () => {
  const { workspace, owner, transition, accessUrl, buildId, prebuild, task } = identityFromEnvironment({})
  expect({ name: workspace.name, owner: owner.name, email: owner.email, groups: owner.groups, transition, accessUrl, buildId }).toEqual({
    name: 'default',
    owner: 'default',
    email: 'default@example.com',
    groups: [],
    transition: 'start',
    accessUrl: 'https://mydeployment.coder.com',
    buildId: '',
  })
  expect([prebuild, task]).toEqual([undefined, undefined])
})

test('secrets, tokens and scripts by their variables', () => {
  const { secrets, externalAuth, runningAgentTokens, agentScripts } = identityFromEnvironment({
    CODER_SECRET_ENV_TOKEN: 's',
    [`CODER_SECRET_FILE_${Buffer.from('~/.netrc').toString('hex')}`]: 'f',
    CODER_GIT_AUTH_ACCESS_TOKEN_old: 'legacy',
    [`CODER_RUNNING_WORKSPACE_AGENT_TOKEN_${hashed('')}`]: 'any',
    [`CODER_RUNNING_WORKSPACE_AGENT_TOKEN_${hashed('a')}`]: 'of a',
    BOTHY_AGENT_SCRIPT_linux_amd64: 'sh',
  })
  expect([secrets?.get('env:TOKEN'), secrets?.get('file:~/.netrc'), externalAuth?.get('old')]).toEqual(['s', 'f', 'legacy'])
  expect([runningAgentTokens?.get('a'), runningAgentTokens?.get('b'), agentScripts?.get('linux_amd64')]).toEqual(['of a', 'any', 'sh'])
})

test.each<[string, Variables, string]>([
  ['groups that are no list', { CODER_WORKSPACE_OWNER_GROUPS: '{}' }, ': CODER_WORKSPACE_OWNER_GROUPS'],
  ['roles that are no JSON', { CODER_WORKSPACE_OWNER_RBAC_ROLES: 'admin' }, ': CODER_WORKSPACE_OWNER_RBAC_ROLES'],
])('refused where a template looks at it: %s', async (_, env, problem) => {
  const identity = identityFromEnvironment(env)
  const { diagnostics } = await readData(
    'coder_workspace_owner',
    {},
    openSession({ ...recordingHost(), identity }, { clock: systemClock, held: new Set() }),
  )
  expect(diagnostics.map(({ detail }) => detail).join()).toContain(problem.slice(2).replace('CODER_', ''))
  expect(identity.workspace.name).toEqual('default')
})

test('refused where a template looks at it: a transition that nobody knows', async () => {
  const identity = identityFromEnvironment({ CODER_WORKSPACE_TRANSITION: 'pause' })
  const host = Object.defineProperties(recordingHost(), { identity: { value: identity } })
  const { diagnostics } = await readData('coder_workspace', {}, openSession(host, { clock: systemClock, held: new Set() }))
  expect(diagnostics.map(({ detail }) => detail)).toEqual(['WORKSPACE_TRANSITION must be start, stop or destroy, not "pause".'])
})
