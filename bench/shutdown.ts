import { join } from 'node:path'
import { field, numberOf } from '../cli/json.ts'
import { until } from '../test/support/until.ts'
import { paired, type Asked, type Bench } from './harness/bench.ts'
import { applyWorkspace, bringDown, declaredTemplate, startUp, type ControlPlane } from './harness/control-plane.ts'
import type { Line } from './harness/line.ts'
import { inPlace, type Place } from './harness/place.ts'
import { barePostgres } from './harness/postgres.ts'
import { environment } from './harness/programs.ts'
import { isTrue, watch } from './harness/watch.ts'

export const shutdown: Bench = {
  name: 'shutdown',
  about: 'Ctrl-C with agents connected and no build running, embedded Postgres included, until the process is gone',
  measure: (asked) => inPlace((place) => measured(asked, place)),
}

const AGENTS = 5
const AGENTS_QUICK = 2
const ROUNDS = 10
const ROUNDS_QUICK = 2

async function measured(asked: Asked, place: Place): Promise<readonly Line[]> {
  const agents = asked.quick ? AGENTS_QUICK : AGENTS
  const env = environment(place.folder)
  const folder = declaredTemplate(place)
  const first = await startUp(place, folder, env)
  const workspaces = watch(place, first.client, 'workspaces')
  for (let i = 0; i < agents; i += 1) {
    await applyWorkspace(first.client, `dev-${i}`)
    await workspaces.when(`dev-${i}`, 'Ready', isTrue('Ready'))
  }
  await first.end()
  const found = await paired(
    asked,
    asked.quick ? ROUNDS_QUICK : ROUNDS,
    async () => {
      const controlPlane = await startUp(place, folder, env)
      await connected(controlPlane, agents)
      return controlPlane.end()
    },
    async () => (await barePostgres(join(place.folder, 'state'))).stopMs,
  )
  await bringDown(env)
  return [
    {
      what: `Ctrl-C, ${agents} agents connected → exit`,
      unit: 'ms',
      values: found.ours,
      beside: { what: 'bare Postgres ends', values: found.theirs },
      reach: [{ of: 'max', most: 1000 }],
    },
  ]
}

const connected = ({ client }: ControlPlane, agents: number): Promise<boolean> =>
  until(`${agents} agents to connect`, async () => numberOf(field(await client.request('GET', '/bothy/v1/status'), 'agents')) === agents, {
    limitMs: 30_000,
  })
