import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  interface ProvidedContext {
    /** The path of the built `main.js`. */
    readonly bowlineMain: string
  }
}

/**
 * Builds the command once for all end-to-end tests, away from `dist/`: a build that runs at the same time must not pull the
 * program away from under them. It lies in `node_modules`, so that Node finds the packages.
 */
export default function setup(project: TestProject): () => void {
  const cache = resolve('node_modules/.cache')
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, 'bowline-e2e-'))
  // Beside `dist/`, as in the package: the version is read from it.
  copyFileSync('package.json', join(folder, 'package.json'))
  execFileSync(process.execPath, ['scripts/build.mjs', '--to', join(folder, 'dist')], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  project.provide('bowlineMain', join(folder, 'dist/main.js'))
  return () => rmSync(folder, { recursive: true, force: true })
}
