import { defineConfig } from 'vitest/config'
import { LongestFirst } from './test/support/longest-first.ts'

export default defineConfig({
  test: {
    // Two cores are enough for four: most of a test is waiting for what it has started.
    maxWorkers: 4,
    sequence: { sequencer: LongestFirst },
    projects: [
      { test: { name: 'house', include: ['test/house/**/*.test.ts'] } },
      {
        test: {
          name: 'real',
          include: ['test/**/*.test.ts'],
          exclude: ['test/house/**'],
          globalSetup: ['test/support/global-setup.ts'],
          // What hangs is ended. How fast something is, is no matter of these: a machine that does much else takes its time.
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
})
