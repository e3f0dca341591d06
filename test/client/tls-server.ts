import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { systemClock } from '../../src/base/index.ts'
import {
  type Authority,
  createAuthority,
  createKeyPair,
  DAY_MS,
  issueCertificate,
  validFrom,
} from '../../src/pki/index.ts'

export interface TlsServer {
  readonly url: string
  readonly authority: Authority
  /** Connections that are open now. */
  readonly sockets: ReadonlySet<Socket>
  /** A client certificate of the server's authority. */
  issueClient(commonName: string): Promise<{ readonly certificate: string; readonly key: string }>
  close(): Promise<void>
}

/** A real HTTPS server on loopback that asks for client certificates and answers with `handle`. */
export async function startTlsServer(
  handle: (request: IncomingMessage, response: ServerResponse, body: string) => void,
): Promise<TlsServer> {
  const authority = await createAuthority(systemClock)
  const issue = async (commonName: string, usage: 'client' | 'server') => {
    const { publicKey, privateKey } = await createKeyPair()
    const certificate = await issueCertificate({
      authority,
      subject: { commonName },
      publicKey,
      usages: [usage],
      validity: validFrom(systemClock.now(), DAY_MS),
      ipAddresses: usage === 'server' ? ['127.0.0.1'] : [],
    })
    return { certificate, key: privateKey }
  }
  const { certificate, key } = await issue('server', 'server')
  const sockets = new Set<Socket>()
  const server = createServer(
    { cert: certificate, key, ca: authority.certificate, requestCert: true, rejectUnauthorized: false },
    (request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => handle(request, response, Buffer.concat(chunks).toString('utf8')))
    },
  )
  server.on('secureConnection', socket => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    authority,
    sockets,
    issueClient: commonName => issue(commonName, 'client'),
    close: () =>
      new Promise<void>(resolve => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}
