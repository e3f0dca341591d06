import { readdirSync, readFileSync } from 'node:fs'
import { defineConfig } from 'vitest/config'
import { RetriedReporter } from './test/support/retried.ts'

/** Tests on several hosts: they use the harness that gives each host a network namespace and an engine of its own. */
const HOSTS = readdirSync('test/e2e')
  .map(name => `test/e2e/${name}`)
  .filter(path => path.endsWith('.test.ts') && readFileSync(path, 'utf8').includes("/support/hosts.ts'"))
const PACKAGE = ['test/package.test.ts']
const END_TO_END = ['test/e2e/**/*.test.ts', 'test/chaos/**/*.test.ts', 'test/demo.test.ts']

/** Shared machines stall for seconds. What fails twice is wrong; what failed once is shown as retried, and worth a look. */
const RETRY = process.env.CI === 'true' ? 1 : 0

/** Files leave nothing behind, so that they may share a process and what it has loaded. */
const shared = { isolate: false, retry: RETRY }
const unit = { ...shared, testTimeout: 60_000, hookTimeout: 120_000 }
const patient = { ...shared, testTimeout: 180_000, hookTimeout: 180_000 }

/** Real processes, an engine and its load: one file after the other. */
const endToEnd = { globalSetup: ['test/e2e/support/build.ts'], fileParallelism: false, ...patient }

export default defineConfig({
  test: {
    maxWorkers: 2,
    reporters: ['default', new RetriedReporter()],
    // What is not edited is not transformed again, in this run or the next.
    experimental: { fsModuleCache: true, fsModuleCachePath: 'node_modules/.cache/vitest' },
    projects: [
      {
        test: { name: 'unit', include: ['test/**/*.test.ts'], exclude: [...END_TO_END, ...PACKAGE], ...unit },
      },
      // It asks the registry, and so needs this machine's network.
      { test: { name: 'package', include: PACKAGE, sequence: { groupOrder: 1 }, ...patient } },
      // Both take about as long, and may run side by side, in a process each (scripts/test.mjs).
      {
        test: { name: 'e2e', include: END_TO_END, exclude: HOSTS, sequence: { groupOrder: 2 }, ...endToEnd },
      },
      { test: { name: 'e2e-hosts', include: HOSTS, sequence: { groupOrder: 3 }, ...endToEnd } },
    ],
  },
})
