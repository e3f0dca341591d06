import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { renewLease } from '../../../src/agents/node/lease.ts'
import { silentLogger, systemIds } from '../../../src/base/index.ts'
import type { Client } from '../../../src/client/index.ts'
import { isNotFound, Kinds, type Lease, type Node } from '../../../src/kube/index.ts'
import { eventually } from '../../base/eventually.ts'
import { FakeClock } from '../../base/fake-clock.ts'
import { startTestApi, type TestApi } from '../../cluster/api/test-api.ts'

const NODE = 'host-1'
const A_RENEWAL_MS = 11_000

describe('renewLease()', () => {
  let api: TestApi
  let clock: FakeClock
  let stop: AbortController
  let running: Promise<void>
  let node: Node | undefined
  /** Whether the server takes requests and says nothing more. */
  let isMute: boolean
  let reconnects: number

  beforeEach(async () => {
    api = await startTestApi()
    clock = new FakeClock(Date.now())
    stop = new AbortController()
    node = undefined
    isMute = false
    reconnects = 0
    const client: Client = {
      ...api.client,
      patch: (kind, name, patch, write) =>
        isMute ? untilAborted(write?.signal) : api.client.patch(kind, name, patch, write),
    }
    const reconnect = () => {
      reconnects += 1
    }
    const options = { client, nodeName: NODE, node: () => node, reconnect, clock, ids: systemIds }
    running = renewLease({ ...options, log: silentLogger }, stop.signal)
  })

  afterEach(async () => {
    stop.abort()
    await running
    await api.close()
  })

  async function lease(): Promise<Lease | undefined> {
    return api.client.get(Kinds.Lease, NODE, { namespace: 'kube-node-lease' }).catch(error => {
      if (isNotFound(error)) return undefined
      throw error
    })
  }

  it('renews its lease, and makes it anew when somebody deleted it', async () => {
    const first = await eventually('there is a lease', lease)
    await clock.advance(A_RENEWAL_MS)
    await eventually('it is renewed', async () => {
      const now = await lease()
      return now?.spec?.renewTime !== first.spec?.renewTime
    })
    await api.client.delete(Kinds.Lease, NODE, { namespace: 'kube-node-lease' })
    await clock.advance(A_RENEWAL_MS)
    await eventually('it is back', lease)
  })

  it('gives its lease to the Node as soon as there is one, and to the next one of that name', async () => {
    const first = await eventually('there is a lease', lease)
    expect(first.metadata.ownerReferences).toBeUndefined()
    for (const uid of ['uid-1', 'uid-2']) {
      node = { apiVersion: 'v1', kind: 'Node', metadata: { name: NODE, uid } }
      await clock.advance(A_RENEWAL_MS)
      await eventually('it is owned', async () => {
        const owners = (await lease())?.metadata.ownerReferences ?? []
        return owners.length === 1 && owners[0]?.uid === uid
      })
    }
  })

  it('asks again where no answer comes, and over new connections the second time', async () => {
    const first = await eventually('there is a lease', lease)
    isMute = true
    await clock.advance(2 * A_RENEWAL_MS)
    expect(reconnects).toBe(0)
    await clock.advance(A_RENEWAL_MS + 2_000)
    expect(reconnects).toBe(1)
    isMute = false
    await clock.advance(A_RENEWAL_MS + 2_000)
    await eventually('it is renewed', async () => {
      const now = await lease()
      return now?.spec?.renewTime !== first.spec?.renewTime
    })
  })
})

function untilAborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))
}
