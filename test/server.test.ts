import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { silentLogger, systemClock, systemIds } from '../src/base/index.ts'
import { connect } from '../src/cli/connect.ts'
import type { HttpsClient } from '../src/client/index.ts'
import { readClusterNetwork } from '../src/cluster-network.ts'
import { DEFAULT_NETWORK, Kinds } from '../src/kube/index.ts'
import { type RunningServer, type ServerConfig, startServer } from '../src/server.ts'

const HERE = { namespace: 'default' }

describe('startServer()', () => {
  let folder: string
  let stop: AbortController
  let server: RunningServer
  let client: HttpsClient

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bowline-server-'))
    stop = new AbortController()
  })

  afterEach(async () => {
    await client?.close()
    stop.abort()
    await server?.closed
    await rm(folder, { recursive: true, force: true })
  })

  async function start(options: Partial<ServerConfig>): Promise<void> {
    server = await startServer(
      {
        dataDir: folder,
        listen: { host: '127.0.0.1', port: 0 },
        advertise: undefined,
        network: readClusterNetwork({ ...DEFAULT_NETWORK, serviceCidr: '10.99.0.0/24' }, []),
        app: undefined,
        ...options,
      },
      { clock: systemClock, ids: systemIds, log: silentLogger },
      stop.signal,
    )
  }

  it('serves itself as the Service kubernetes, where it is reached, with a certificate for it', async () => {
    await start({ advertise: { host: '127.0.0.1', port: undefined } })
    client = await connect({ dataDir: folder })
    const slice = await vi.waitFor(() => client.get(Kinds.EndpointSlice, 'kubernetes', HERE), {
      timeout: 30_000,
    })
    const port = Number(new URL(server.url).port)
    expect(slice.ports).toMatchObject([{ name: 'https', port }])
    // It listens for this machine alone: no pod can reach it.
    expect(slice.endpoints).toEqual([])
    const { spec } = await client.get(Kinds.Service, 'kubernetes', HERE)
    expect(spec).toMatchObject({ clusterIP: '10.99.0.1', ports: [{ port: 443, targetPort: port }] })
    const names = await certificateNames(port)
    expect(names).toContain('IP Address:10.99.0.1')
    expect(names).toContain('DNS:kubernetes.default.svc.cluster.local')
  })

  it('goes on with the repository of an earlier start, and says so', async () => {
    await start({})
    expect(server.repositories).toEqual([])
    stop.abort()
    await server.closed
    stop = new AbortController()
    const source = { repository: join(folder, 'shop'), branch: 'main', path: '' }
    await start({ app: { name: 'shop', spec: { source } } })
    stop.abort()
    await server.closed
    stop = new AbortController()
    await start({})
    expect(server.repositories).toEqual([source.repository])
  })

  it('admits a pod in a namespace that every cluster has from the first request on', async () => {
    await start({})
    client = await connect({ dataDir: folder })
    const { spec } = await client.create(Kinds.Pod, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'web', ...HERE },
      spec: { containers: [{ name: 'web', image: 'web:1' }] },
    })
    expect(spec?.serviceAccountName).toBe('default')
  })

  it('gives Services addresses of its range', async () => {
    await start({})
    client = await connect({ dataDir: folder })
    const { spec } = await client.create(Kinds.Service, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web', ...HERE },
      spec: { ports: [{ port: 80 }] },
    })
    expect(spec?.clusterIP).toMatch(/^10\.99\.0\.\d+$/)
  })
})

/** Whom the certificate of the server on a port of this machine is for. */
function certificateNames(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().subjectaltname ?? '')
      socket.end()
    })
    socket.on('error', reject)
  })
}
