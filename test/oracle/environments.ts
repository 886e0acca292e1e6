import { createHash } from 'node:crypto'
import type { Variables } from '../../provider/launched-environment.ts'

/** What a build of the reference sets, by the names of its contract. */

const hashed = (text: string): string => createHash('sha256').update(text).digest('hex')

export const values = (prefix: string, given: Readonly<Record<string, string>>): Variables =>
  Object.fromEntries(Object.entries(given).map(([name, value]) => [`${prefix}_${hashed(name)}`, value]))

const SCRIPT = '#!/bin/sh\ncurl ${ACCESS_URL}bin/agent\nexport CODER_AGENT_AUTH="${AUTH_TYPE}"\n'
const PLATFORMS = ['linux_amd64', 'linux_arm64', 'darwin_arm64', 'windows_armv7']

const SCRIPTS: Variables = Object.fromEntries(PLATFORMS.map((platform) => [`CODER_AGENT_SCRIPT_${platform}`, SCRIPT]))

const GIVEN = values('CODER_PARAMETER', {
  'given region': 'us',
  'given cpu': '4',
  'given memory': '8',
  'given empty': '',
  'given picked': '["b","a"]',
  'given repaired': '3',
})

const PREVIOUS = values('CODER_PARAMETER_PREVIOUS', {
  'given region': 'eu',
  'given cpu': '4',
  'given memory': '16',
  'given repaired': 'not a number',
})

export const START: Variables = {
  ...GIVEN,
  ...PREVIOUS,
  ...SCRIPTS,
  CODER_AGENT_URL: 'https://coder.example.com',
  CODER_WORKSPACE_TRANSITION: 'start',
  CODER_WORKSPACE_ID: 'a0a0a0a0-0000-4000-8000-000000000001',
  CODER_WORKSPACE_NAME: 'Dev-One',
  CODER_WORKSPACE_BUILD_ID: 'a0a0a0a0-0000-4000-8000-000000000002',
  CODER_WORKSPACE_OWNER: 'ada',
  CODER_WORKSPACE_OWNER_ID: 'a0a0a0a0-0000-4000-8000-000000000003',
  CODER_WORKSPACE_OWNER_EMAIL: 'ada@example.org',
  CODER_WORKSPACE_OWNER_NAME: 'Ada Lovelace',
  CODER_WORKSPACE_OWNER_GROUPS: '["makers","readers"]',
  CODER_WORKSPACE_OWNER_RBAC_ROLES: '[{"name":"member","org_id":""},{"name":"organization-admin","org_id":"o-1"}]',
  CODER_WORKSPACE_OWNER_LOGIN_TYPE: 'oidc',
  CODER_WORKSPACE_OWNER_SSH_PUBLIC_KEY: 'ssh-ed25519 AAAA ada',
  CODER_WORKSPACE_OWNER_SSH_PRIVATE_KEY: 'not really a key',
  CODER_WORKSPACE_OWNER_SESSION_TOKEN: 'session-token',
  CODER_WORKSPACE_OWNER_OIDC_ACCESS_TOKEN: 'oidc-token',
  CODER_WORKSPACE_TEMPLATE_ID: 'a0a0a0a0-0000-4000-8000-000000000004',
  CODER_WORKSPACE_TEMPLATE_NAME: 'docker',
  CODER_WORKSPACE_TEMPLATE_VERSION: 'v1.2.3',
  CODER_EXTERNAL_AUTH_ACCESS_TOKEN_github: 'gh-token',
}

export const STOP: Variables = { ...START, CODER_WORKSPACE_TRANSITION: 'stop' }
export const DESTROY: Variables = { ...START, CODER_WORKSPACE_TRANSITION: 'destroy' }

/** Somebody who runs terraform by hand, with what `parameters-given` cannot do without. */
export const BY_HAND: Variables = {
  ...values('CODER_PARAMETER', { 'given memory': '1', 'given repaired': '1', 'given picked': '[]' }),
  // Without it the reference has no script at all, and we have ours.
  ...SCRIPTS,
  // Made up at every read when they are not set.
  CODER_WORKSPACE_ID: START['CODER_WORKSPACE_ID'],
  CODER_WORKSPACE_OWNER_ID: START['CODER_WORKSPACE_OWNER_ID'],
}

export const TASK: Variables = {
  ...START,
  CODER_TASK_ID: 'a0a0a0a0-0000-4000-8000-000000000005',
  CODER_TASK_PROMPT: 'write a haiku',
}

const OWNERLESS = { ...START, CODER_WORKSPACE_OWNER: 'prebuilds', CODER_WORKSPACE_OWNER_NAME: '', CODER_WORKSPACE_OWNER_EMAIL: '' }
export const PREBUILD: Variables = { ...OWNERLESS, CODER_WORKSPACE_IS_PREBUILD: 'TRUE' }
export const CLAIM: Variables = {
  ...START,
  CODER_WORKSPACE_IS_PREBUILD: 'true',
  CODER_WORKSPACE_IS_PREBUILD_CLAIM: 'true',
  [`CODER_RUNNING_WORKSPACE_AGENT_TOKEN_${hashed('')}`]: 'a0a0a0a0-0000-4000-8000-000000000006',
}

/** Uuids that were given are called by themselves. */
export const GIVEN_UUIDS = [1, 2, 3, 4, 5, 6].map((n) => `a0a0a0a0-0000-4000-8000-00000000000${n}`)
