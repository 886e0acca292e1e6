import { rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { bundleBothy } from './bundle.ts'

/**
 * A program of its own, for whoever makes an image and for whoever measures what is in it:
 *   node write-bundle.ts FOLDER     writes main.mjs, which is `bothy`, and what it loads, in a folder of this checkout
 */

const [, , folder] = process.argv
if (folder === undefined) {
  process.stderr.write('usage: node write-bundle.ts FOLDER\n')
  process.exitCode = 2
} else {
  rmSync(folder, { recursive: true, force: true })
  await bundleBothy(resolve(folder))
}
