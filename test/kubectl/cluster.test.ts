import { beforeAll, describe, expect, test } from 'vitest'
import { noOwnCluster, ownCluster, type TestCluster } from '../support/cluster.ts'
import { runChapter } from './run-steps.ts'
import { CHAPTERS } from './steps.ts'

/**
 * The golden files are what the real API server and the real kubectl say. `vitest --update=all FILE` writes them anew. In a cluster of
 * its own: what is seen of all of it must not be what other tests have made.
 */
describe.skipIf(noOwnCluster !== null)('kubectl and the API server of a cluster', () => {
  let cluster: TestCluster
  beforeAll(async () => {
    cluster = await ownCluster()
  }, 600_000)

  test.each(CHAPTERS)('$name', { timeout: 240_000 }, async (chapter) => {
    await expect(await runChapter(cluster.kubeconfig, chapter)).toMatchFileSnapshot(`golden/${chapter.name}.txt`)
  })
})
