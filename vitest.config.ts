import { defineConfig } from 'vitest/config'

const SERIAL = ['test/e2e/**/*.test.ts', 'test/chaos/**/*.test.ts', 'test/{demo,package}.test.ts']

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: SERIAL,
          testTimeout: 20_000,
          hookTimeout: 60_000,
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
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
})
