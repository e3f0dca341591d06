import { type Clock, type Ids, jittered, type Logger, messageOf } from '../../base/index.ts'
import type { Client } from '../../client/index.ts'
import {
  formatMicroTime,
  isAlreadyExists,
  isNotFound,
  Kinds,
  type Lease,
  type Node,
} from '../../kube/index.ts'

export interface LeaseRenewalOptions {
  readonly client: Client
  readonly nodeName: string
  /** The Node that owns the lease; undefined while it is not registered. */
  readonly node: () => Node | undefined
  /** Gives up the connections to the server. Called when it does not answer a second time: they may lead nowhere any more. */
  readonly reconnect: () => void
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Logger
}

const LEASE_NAMESPACE = 'kube-node-lease'
/** kubelet: a lease of 40 s, renewed at a quarter of that. */
const LEASE_SECONDS = 40
const RENEW_EVERY_MS = 10_000
/** A renewal that failed is tried again sooner, so that a hiccup of the server costs no node its readiness. */
const RETRY_MS = 1000
/** kubelet's: one that hangs must not cost the node its readiness either. */
const ANSWER_MS = 10_000

/** Renews this node's Lease, the cheap sign of life that node life cycle watches, until `signal` aborts. */
export async function renewLease(options: LeaseRenewalOptions, signal: AbortSignal): Promise<void> {
  const { reconnect, clock, ids, log } = options
  let failures = 0
  while (!signal.aborted) {
    let waitMs = jittered(RENEW_EVERY_MS, 0.04, ids.random())
    const limit = new AbortController()
    const endLimit = clock.after(ANSWER_MS, () => limit.abort())
    try {
      await renew(options, AbortSignal.any([signal, limit.signal]))
      failures = 0
    } catch (error) {
      if (signal.aborted) return
      failures += 1
      const problem = limit.signal.aborted ? 'no answer came' : messageOf(error)
      if (failures === 1) log.warn('the node lease was not renewed', { error: problem })
      if (failures > 1 && limit.signal.aborted) reconnect()
      waitMs = jittered(RETRY_MS, 0.5, ids.random())
    } finally {
      endLimit()
    }
    await clock.sleep(waitMs, signal).catch(() => {})
  }
}

async function renew(
  { client, nodeName, node, clock }: LeaseRenewalOptions,
  signal: AbortSignal,
): Promise<void> {
  const options = { namespace: LEASE_NAMESPACE, signal }
  const owner = node()?.metadata.uid
  // Owned by its Node, so that it goes with it; the Node may come after the lease, and again under another uid.
  const owned =
    owner === undefined
      ? {}
      : { ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: nodeName, uid: owner }] }
  const spec = {
    holderIdentity: nodeName,
    leaseDurationSeconds: LEASE_SECONDS,
    renewTime: formatMicroTime(clock.now()),
  }
  try {
    await client.patch(Kinds.Lease, nodeName, { type: 'merge', body: { metadata: owned, spec } }, options)
    return
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
  const lease: Lease = {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: nodeName, namespace: LEASE_NAMESPACE, ...owned },
    spec,
  }
  await client.create(Kinds.Lease, lease, options).catch(error => {
    if (!isAlreadyExists(error)) throw error
  })
}
