import { describe, expect, test } from 'vitest'
import { begin, grown, openWorld, restarted, silence } from '../../bench/harness/cluster-world.ts'
import { inPlace } from '../../bench/harness/place.ts'
import { BOTHY } from '../../bench/harness/programs.ts'
import { noOwnCluster } from '../support/cluster.ts'
import { isSoak } from '../support/soak.ts'

/** What is promised of many workspaces, in the world that the bench measures: each has an owner, and builds are played. */

const WORKSPACES = isSoak ? 10_000 : 200
const QUIET_MS = isSoak ? 60_000 : 5_000
const LIMIT_MS = isSoak ? 3_600_000 : 600_000

describe.skipIf(noOwnCluster !== null)('many workspaces', () => {
  test(
    `${WORKSPACES} become Ready; then nothing is written, and nothing after a restart that looks at all of them`,
    { timeout: LIMIT_MS },
    async () => {
      await inPlace(async (place) => {
        const world = await openWorld(place)
        const begun = await begin(world, BOTHY)
        const { rss, tookMs } = await grown(world, begun, { from: 0, to: WORKSPACES })
        const quiet = await silence(begun.controller, QUIET_MS)
        expect(quiet.writes).toBe(0)
        await begun.controller.end()
        const again = await restarted(world, WORKSPACES, BOTHY)
        expect(again.writes).toBe(0)
        const told = { 'Ready s': tookMs / 1000, 'RSS MB': rss, 'restart ms': again.tookMs, 'restart processor ms': again.processorMs }
        console.log(
          Object.entries(told)
            .map(([what, value]) => `${what}: ${Math.round(value)}`)
            .join(', '),
        )
      })
    },
  )
})
