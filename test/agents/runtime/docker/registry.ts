import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { packTar } from '../../../../src/agents/runtime/docker/images/tar.ts'

export interface TestRegistry {
  /** `127.0.0.1:port`: engines speak plain HTTP to loopback registries. */
  readonly address: string
  close(): Promise<void>
}

/** A registry with one image, `<address>/image:1`, of one file; with `user` for that one only, else for everybody. */
export async function startRegistry(
  user?: { username: string; password: string },
  content: Buffer = Buffer.from('hello\n'),
): Promise<TestRegistry> {
  const layer = packTar([{ path: 'hello', content, mode: 0o644 }])
  const config = Buffer.from(
    JSON.stringify({
      architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
      os: 'linux',
      config: { User: '1234' },
      rootfs: { type: 'layers', diff_ids: [digestOf(layer)] },
    }),
  )
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: described(config, 'application/vnd.docker.container.image.v1+json'),
      layers: [described(layer, 'application/vnd.docker.image.rootfs.diff.tar')],
    }),
  )
  const blobs = new Map([layer, config, manifest].map(bytes => [digestOf(bytes), bytes]))
  const credentials = user && `Basic ${Buffer.from(`${user.username}:${user.password}`).toString('base64')}`
  const server = createServer((request, response) => {
    if (credentials !== undefined && request.headers.authorization !== credentials) {
      response.writeHead(401, {
        'WWW-Authenticate': 'Basic realm="test"',
        'Content-Type': 'application/json',
      })
      response.end('{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}')
      return
    }
    if (request.url === '/v2/') return void response.end('{}')
    const [, kind, reference = ''] = /^\/v2\/image\/(manifests|blobs)\/(.+)$/.exec(request.url ?? '') ?? []
    const found = kind === 'manifests' && reference === '1' ? manifest : blobs.get(reference)
    if (found === undefined) {
      response.writeHead(404, { 'Content-Type': 'application/json' })
      response.end('{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}')
      return
    }
    response.writeHead(200, {
      'Content-Type': found === manifest ? MANIFEST : 'application/octet-stream',
      'Content-Length': found.length,
      'Docker-Content-Digest': digestOf(found),
    })
    response.end(request.method === 'HEAD' ? undefined : found)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.closeAllConnections()
      return new Promise(resolve => server.close(() => resolve()))
    },
  }
}

const MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json'

function described(bytes: Buffer, mediaType: string): object {
  return { mediaType, size: bytes.length, digest: digestOf(bytes) }
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}
