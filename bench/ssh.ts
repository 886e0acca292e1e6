import { paired, type Asked, type Bench } from './harness/bench.ts'
import { enteredWorkspace } from './harness/hops.ts'
import type { Line } from './harness/line.ts'
import { inPlace, type Place } from './harness/place.ts'
import { CIPHER, opensshBehindRelay, workspaceSsh, type Ssh } from './harness/ssh.ts'

/** The agent's ssh server through the control plane, beside OpenSSH's own through a relay that does nothing else. */
export const ssh: Bench = {
  name: 'ssh',
  about: `ssh dev.bothy by OpenSSH's client with ${CIPHER}, beside OpenSSH's server behind a bare relay`,
  measure: (asked) => inPlace((place) => measured(asked, place)),
}

const ROUNDS = 7
const ROUNDS_QUICK = 1
const LATENCY_ROUNDS = 15
const BYTES = 256 * 1024 * 1024
const BYTES_QUICK = 32 * 1024 * 1024
const LEAST = 0.7

async function measured(asked: Asked, place: Place): Promise<readonly Line[]> {
  const ours = await workspaceSsh(place, await enteredWorkspace(place, 'dev'))
  const theirs = await opensshBehindRelay(place)
  const bytes = asked.quick ? BYTES_QUICK : BYTES
  const rounds = asked.quick ? ROUNDS_QUICK : ROUNDS
  const rate = (client: Ssh, to: 'up' | 'down') => async () => bytes / 1e6 / ((await client.moved(to, bytes)) / 1000)
  asked.say('connecting')
  const latency = await paired(
    asked,
    asked.quick ? ROUNDS_QUICK : LATENCY_ROUNDS,
    () => ours.timed('true'),
    () => theirs.timed('true'),
  )
  asked.say('to the workspace')
  const upward = await paired(asked, rounds, rate(ours, 'up'), rate(theirs, 'up'))
  asked.say('from the workspace')
  const downward = await paired(asked, rounds, rate(ours, 'down'), rate(theirs, 'down'))
  return [
    { what: 'ssh dev.bothy true', unit: 'ms', values: latency.ours, beside: beside(latency.theirs) },
    { what: 'to the workspace', unit: 'MB/s', values: upward.ours, beside: beside(upward.theirs), reach: [{ of: 'ratio', least: LEAST }] },
    {
      what: 'from the workspace',
      unit: 'MB/s',
      values: downward.ours,
      beside: beside(downward.theirs),
      reach: [{ of: 'ratio', least: LEAST }],
    },
  ]
}

const beside = (values: readonly number[]) => ({ what: 'sshd', values })
