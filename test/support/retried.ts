import type { Reporter, TestCase } from 'vitest/node'

/** Prints why a test failed that has passed since: the other reporters say only that it was tried again. */
export class RetriedReporter implements Reporter {
  onTestCaseResult(test: TestCase): void {
    const { state, errors } = test.result()
    if (state !== 'passed' || errors === undefined) return
    for (const { message, stack = message, diff = '' } of errors)
      process.stdout.write(`\nRETRIED ${test.module.moduleId} › ${test.fullName}\n${stack}\n${diff}\n`)
  }
}
