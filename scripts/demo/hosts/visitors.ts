import { systemClock } from '../../../src/base/index.ts'

/** How a time with visitors went. */
export interface VisitReport {
  readonly requests: number
  /** One text per request that was not answered with 200. */
  readonly failures: readonly string[]
}

const PAUSE_MS = 20

/** Asks again and again, each way on its own, until `stop` is called. */
export function startVisitors(
  ways: readonly (() => Promise<{ readonly status: number; readonly body: string }>)[],
): { stop(): Promise<VisitReport> } {
  const failures: string[] = []
  let requests = 0
  let isStopped = false
  async function visit(way: (typeof ways)[number]): Promise<void> {
    while (!isStopped) {
      requests += 1
      await way().then(
        ({ status, body }) => {
          if (status !== 200) failures.push(`${status} ${body.trim()}`)
        },
        (error: unknown) => failures.push(String(error)),
      )
      await systemClock.sleep(PAUSE_MS)
    }
  }
  const visits = ways.map(visit)
  return {
    async stop() {
      isStopped = true
      await Promise.all(visits)
      return { requests, failures }
    },
  }
}
