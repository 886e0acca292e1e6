import { beforeAll, describe, expect, test } from 'vitest'
import { noCluster, theCluster, type TestCluster } from '../support/cluster.ts'
import { runChapter } from './run-steps.ts'
import { CHAPTERS } from './steps.ts'

/** The golden files are what the real API server and the real kubectl say. `vitest -u` writes them anew. */
describe.skipIf(noCluster !== null)('kubectl and the API server of a cluster', () => {
  let cluster: TestCluster
  beforeAll(async () => {
    cluster = await theCluster()
  }, 600_000)

  test.each(CHAPTERS)('$name', { timeout: 120_000 }, async (chapter) => {
    await expect(await runChapter(cluster.kubeconfig, chapter)).toMatchFileSnapshot(`golden/${chapter.name}.txt`)
  })
})
