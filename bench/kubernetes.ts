import type { Asked, Bench } from './harness/bench.ts'
import { begin, grown, openWorld, restarted, silence } from './harness/cluster-world.ts'
import type { Line } from './harness/line.ts'
import { inPlace, type Place } from './harness/place.ts'
import { BOTHY, shippedBothy } from './harness/programs.ts'

export const kubernetes: Bench = {
  name: 'kubernetes',
  about:
    'the control plane of the image on a real API server: processor time, memory and requests; an owner for each object; builds are played, at once and elsewhere',
  measure: (asked) => inPlace((place) => measured(asked, place)),
}

/** What a Go controller of this field took on such a machine, for objects whose pods it makes itself. */
const GO = { first: 500, podsMs: 1100, readyMs: 1900, rss: 57, all: 2000, allMs: 6900, allRss: 74, restartMs: 1000, restartCpuMs: 500 }
const QUICK = { first: 20, all: 40 }
const MANY = { first: 2000, all: 10_000 }
const QUIET_MS = 30_000
const QUIET_QUICK_MS = 3000

async function measured(asked: Asked, place: Place): Promise<readonly Line[]> {
  const { quick, many, say } = asked
  const { first, all } = quick ? QUICK : many ? MANY : GO
  const world = await openWorld(place)
  const shipped = await shippedBothy(world.env)
  const begun = await begin(world, shipped)
  say(`${first} workspaces`)
  const one = await grown(world, begun, { from: 0, to: first })
  say(`${all - first} more`)
  const two = await grown(world, begun, { from: first, to: all })
  say('silence')
  const quiet = await silence(begun.controller, quick ? QUIET_QUICK_MS : QUIET_MS)
  await begun.controller.end()
  say('a restart')
  const again = await restarted(world, all, shipped)
  say('a restart from a checkout')
  const checkout = await restarted(world, all, BOTHY)
  const go = (what: string, value: number) => (quick || many ? {} : { beside: { what, values: [value] } })
  return [
    {
      what: `${first} objects: processor until their builds are queued`,
      unit: 'ms',
      values: [one.queuedMs],
      ...go('Go, to their pods', GO.podsMs),
    },
    { what: '  … until all are Ready', unit: 'ms', values: [one.readyMs], ...go('Go', GO.readyMs) },
    { what: '  RSS', unit: 'MB', values: [one.rss], ...go('Go', GO.rss) },
    { what: '  requests for each object', unit: '', values: [one.requests / first] },
    { what: `  → ${all} objects: processor from the first`, unit: 'ms', values: [one.readyMs + two.readyMs], ...go('Go', GO.allMs) },
    { what: '  RSS', unit: 'MB', values: [two.rss], ...go('Go', GO.allRss) },
    { what: '  requests for each object', unit: '', values: [two.requests / (all - first)] },
    { what: '  until all are Ready', unit: 's', values: [two.tookMs / 1000] },
    { what: 'quiet: writes', unit: '', values: [quiet.writes], reach: [{ of: 'max', most: 0 }] },
    { what: '  requests a minute', unit: '', values: [quiet.requestsPerMinute] },
    { what: '  processor a minute', unit: 'ms', values: [quiet.processorMsPerMinute] },
    { what: `restart on ${all} → all looked at`, unit: 'ms', values: [again.tookMs], ...go('Go', GO.restartMs) },
    { what: '  processor, Node and its modules included', unit: 'ms', values: [again.processorMs], ...go('Go', GO.restartCpuMs) },
    { what: '  a bare Node, to its end', unit: 'ms', values: [again.bareMs] },
    { what: '  RSS', unit: 'MB', values: [again.rss] },
    { what: '  writes', unit: '', values: [again.writes], reach: [{ of: 'max', most: 0 }] },
    { what: 'the same from a checkout', unit: 'ms', values: [checkout.tookMs] },
    { what: '  processor', unit: 'ms', values: [checkout.processorMs] },
    { what: '  RSS', unit: 'MB', values: [checkout.rss] },
  ]
}
