import { once } from 'node:events'
import { createServer, request } from 'node:http'

/** No process has it, and so no process of this host is the container's. */
const NO_PROCESS = 2 ** 30

/**
 * An engine as an agent of another machine sees it: what it says of its containers' processes means nothing there. Requests are handed
 * on to the engine at `socketPath`.
 */
export async function startDistantEngine(
  socketPath: string,
  at: string,
): Promise<{ readonly socketPath: string; close(): Promise<void> }> {
  const server = createServer((incoming, outgoing) => {
    const { method, url: path, headers } = incoming
    const asked = request({ socketPath, method, path, headers }, answer => {
      const isInspection = /\/containers\/[^/]+\/json/.test(path ?? '')
      if (!isInspection) {
        outgoing.writeHead(answer.statusCode ?? 500, answer.headers)
        answer.pipe(outgoing)
        return
      }
      const chunks: Buffer[] = []
      answer.on('data', (chunk: Buffer) => chunks.push(chunk))
      answer.on('end', () => {
        const text = Buffer.concat(chunks).toString()
        outgoing.writeHead(answer.statusCode ?? 500, { 'content-type': 'application/json' })
        outgoing.end(text.replace(/"Pid":\s*[1-9]\d*/, `"Pid":${NO_PROCESS}`))
      })
    })
    asked.on('error', () => outgoing.destroy())
    incoming.pipe(asked)
  })
  server.listen(at)
  await once(server, 'listening')
  return {
    socketPath: at,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
