import { get } from 'node:http'
import { IDENTITY, IDENTITY_PATH } from './haproxy/config.ts'

const PATIENCE_MS = 2000

/** True when this port of the host is served by the ingress of another Bowline agent. */
export function isServedByBowline(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const request = get(
      { host: '127.0.0.1', port, path: IDENTITY_PATH, timeout: PATIENCE_MS, agent: false },
      response => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => {
          text += chunk
          if (text.length > IDENTITY.length) response.destroy()
        })
        response.on('close', () => resolve(text === IDENTITY))
      },
    )
    request.on('timeout', () => request.destroy())
    request.on('error', () => resolve(false))
  })
}
