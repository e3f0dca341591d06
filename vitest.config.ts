import { readdirSync, readFileSync } from 'node:fs'
import { defineConfig } from 'vitest/config'

/** Tests on several hosts: they use the harness that gives each host a network namespace and an engine of its own. */
const HOSTS = ['test/e2e', 'test/chaos']
  .flatMap(folder => readdirSync(folder).map(name => `${folder}/${name}`))
  .filter(path => path.endsWith('.test.ts') && readFileSync(path, 'utf8').includes("/support/hosts.ts'"))
const END_TO_END = ['test/e2e/**/*.test.ts', 'test/chaos/**/*.test.ts', 'test/{demo,package}.test.ts']

/** Shared machines stall for seconds. What fails twice is wrong; what failed once is shown as retried, and worth a look. */
const RETRY = process.env.CI === 'true' ? 1 : 0

/** Files leave nothing behind, so that they may share a process and what it has loaded. */
const unit = { isolate: false, testTimeout: 60_000, hookTimeout: 120_000, retry: RETRY }

/** Real processes, an engine and its load: one file after the other. */
const endToEnd = {
  globalSetup: ['test/e2e/support/build.ts'],
  fileParallelism: false,
  testTimeout: 180_000,
  hookTimeout: 180_000,
  retry: RETRY,
}

export default defineConfig({
  test: {
    maxWorkers: 2,
    // What is not edited is not transformed again, in this run or the next.
    experimental: { fsModuleCache: true, fsModuleCachePath: 'node_modules/.cache/vitest' },
    projects: [
      { test: { name: 'unit', include: ['test/**/*.test.ts'], exclude: END_TO_END, ...unit } },
      // Both may run side by side, in a process each (scripts/test.mjs).
      {
        test: { name: 'e2e', include: END_TO_END, exclude: HOSTS, sequence: { groupOrder: 1 }, ...endToEnd },
      },
      { test: { name: 'e2e-hosts', include: HOSTS, sequence: { groupOrder: 2 }, ...endToEnd } },
    ],
  },
})
