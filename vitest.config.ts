import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      { test: { name: 'house', include: ['test/house/**/*.test.ts'] } },
      {
        test: {
          name: 'real',
          include: ['test/**/*.test.ts'],
          exclude: ['test/house/**'],
          globalSetup: ['test/support/global-setup.ts'],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
})
