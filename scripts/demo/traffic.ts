import { get } from 'node:http'
import { systemClock } from '../../src/base/index.ts'

/** How a time under load went. */
export interface TrafficReport {
  readonly requests: number
  /** One text per request that failed. */
  readonly failures: readonly string[]
  /** Every answer that was seen, without the pod's name. */
  readonly answers: ReadonlySet<string>
}

const CLIENTS = 4
const PAUSE_MS = 15
const TIMEOUT_MS = 5_000

/** Sends requests to the addresses, which are asked for before each, until `stop` is called. Every answer but 200 is a failure. */
export function startTraffic(addresses: () => readonly string[]): { stop(): Promise<TrafficReport> } {
  const failures: string[] = []
  const answers = new Set<string>()
  let requests = 0
  let stopped = false
  async function client(): Promise<void> {
    while (!stopped) {
      const known = addresses()
      const address = known[requests % Math.max(1, known.length)]
      requests += 1
      if (address === undefined) failures.push('no pod is ready')
      else
        await ask(address).then(
          answer => answers.add(answer.replace(/ from .*/s, '')),
          error => failures.push(`${address}: ${error instanceof Error ? error.message : error}`),
        )
      await systemClock.sleep(PAUSE_MS)
    }
  }
  const clients = Array.from({ length: CLIENTS }, client)
  return {
    async stop() {
      stopped = true
      await Promise.all(clients)
      return { requests, failures, answers }
    },
  }
}

/** The body of `GET /` at port 8080, over a connection of its own. */
export function ask(address: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get({ host: address, port: 8080, agent: false, timeout: TIMEOUT_MS }, response => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        body += chunk
      })
      response.on('error', reject)
      response.on('end', () => {
        if (response.statusCode === 200) resolve(body.trim())
        else reject(new Error(`answer ${response.statusCode}`))
      })
    })
    request.on('timeout', () => request.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)))
    request.on('error', reject)
  })
}
