import { describe, expect, test } from 'vitest'
import { withPlane } from './plane.ts'
import { runChapter } from './run-steps.ts'
import { CHAPTERS } from './steps.ts'

const plane = await withPlane()

/** The golden files are what the real API server says; here nothing is written anew. */
describe('kubectl and a control plane without a cluster', () => {
  test.each(CHAPTERS)('$name', async (chapter) => {
    await expect(await runChapter(plane.kubeconfig, chapter)).toMatchFileSnapshot(`golden/${chapter.name}.txt`)
  })
})
