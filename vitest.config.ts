import { defineConfig } from 'vitest/config'

const SERIAL = ['test/e2e/**/*.test.ts', 'test/chaos/**/*.test.ts', 'test/{demo,package}.test.ts']

/** Shared machines stall for seconds. What fails twice is wrong; what failed once is shown as retried, and worth a look. */
const RETRY = process.env.CI === 'true' ? 1 : 0

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: SERIAL,
          testTimeout: 60_000,
          hookTimeout: 120_000,
          retry: RETRY,
        },
      },
      {
        // Real processes, an engine and its load: one file after the other, once the rest is through.
        test: {
          name: 'e2e',
          include: SERIAL,
          globalSetup: ['test/e2e/support/build.ts'],
          fileParallelism: false,
          sequence: { groupOrder: 1 },
          testTimeout: 180_000,
          hookTimeout: 180_000,
          retry: RETRY,
        },
      },
    ],
  },
})
