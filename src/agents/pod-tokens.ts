import { BowlineError, type Clock, causesOf, type Ids } from '../base/index.ts'
import type { Writer } from '../client/index.ts'
import {
  apiVersionOf,
  isTransient,
  Kinds,
  type KubeObject,
  type ServiceAccountTokenProjection,
  StatusError,
  type TokenRequest,
  tokenRequestKind,
} from '../kube/index.ts'
import type { KeptObjects } from './kept/kept-objects.ts'
import type { AssignedPod } from './pods/assigned-pod.ts'

export interface PodTokensOptions {
  readonly client: Pick<Writer, 'createSubresource'>
  /** Where tokens are kept, sealed, for a node that starts while the server is away. */
  readonly kept: KeptObjects
  readonly clock: Clock
  readonly ids: Ids
  /** Called when a pod's token has grown old: its files should be brought up to date. */
  readonly onOld: (uid: string) => void
}

/** The tokens of the ServiceAccounts of this node's pods, each bound to its pod. */
export interface PodTokens {
  /**
   * The pod's token: the one at hand while it is fresh, a new one after that. A server that cannot be reached is stood in for by the last
   * token, and asked again a little later.
   */
  of(pod: AssignedPod, projection: ServiceAccountTokenProjection): Promise<string>
  forget(uid: string): void
  /** These are all the pods there are. */
  retain(uids: ReadonlySet<string>): void
  close(): Promise<void>
}

const DEFAULT_SECONDS = 3600
/** A token is old at this part of its life, or after a day (kubelet `token_manager.go`). */
const OLD_SHARE = 0.8
const OLD_MS = 24 * 60 * 60_000
/** Not all pods of a host ask at the same instant. */
const JITTER_MS = 10_000
/** Before the server is asked again that did not answer. */
const RETRY_MS = 30_000
/** How long it has to answer where the last token can stand in. */
const PATIENCE_MS = 5_000
/** The server learns from a watch which pods are this node's, and may be an instant behind the agent. */
const FORBIDDEN_WAITS_MS: readonly number[] = [20, 100, 400]

/** What is kept: the answer of the server, and when it was had. */
interface KeptToken extends KubeObject {
  readonly token: string
  readonly issuedAt: number
  readonly seconds: number
}

export function createPodTokens(options: PodTokensOptions): PodTokens {
  const { client, kept, clock, ids, onOld } = options
  const closing = new AbortController()
  const running = new Map<string, Promise<string>>()
  /** What looks again when a token has grown old, by the token's key. */
  const alarms = new Map<string, () => void>()

  function lookAgain(key: string, uid: string, at: number): void {
    alarms.get(key)?.()
    const waitMs = Math.max(0, at - clock.now()) + ids.random() * JITTER_MS
    const cancel = clock.after(waitMs, () => {
      alarms.delete(key)
      onOld(uid)
    })
    alarms.set(key, cancel)
  }

  async function request(pod: AssignedPod, audience: string, seconds: number): Promise<TokenRequest> {
    const { name, namespace, uid } = pod.metadata
    const body: TokenRequest = {
      apiVersion: apiVersionOf(tokenRequestKind) as TokenRequest['apiVersion'],
      kind: 'TokenRequest',
      metadata: {},
      spec: {
        audiences: audience === '' ? [] : [audience],
        expirationSeconds: seconds,
        boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
      },
    }
    const account = pod.spec.serviceAccountName || 'default'
    for (let attempt = 0; ; attempt += 1) {
      try {
        const answer = await client.createSubresource(Kinds.ServiceAccount, account, 'token', body, {
          namespace,
          signal: closing.signal,
        })
        return answer as TokenRequest
      } catch (error) {
        const waitMs = FORBIDDEN_WAITS_MS[attempt]
        if (!(error instanceof StatusError) || error.reason !== 'Forbidden' || waitMs === undefined)
          throw error
        await clock.sleep(waitMs, closing.signal)
      }
    }
  }

  /** A new token, unless there is one that is fresh. */
  async function find(pod: AssignedPod, audience: string, seconds: number, key: string): Promise<string> {
    await kept.loaded
    const { uid, name, namespace } = pod.metadata
    const last = kept.get(key) as KeptToken | undefined
    const now = clock.now()
    if (last !== undefined && now < oldAt(last)) {
      if (!alarms.has(key)) lookAgain(key, uid, oldAt(last))
      return last.token
    }
    try {
      const asked = request(pod, audience, seconds)
      const { status } = last === undefined ? await asked : await withPatience(asked)
      const token = status?.token ?? ''
      const made: KeptToken = {
        apiVersion: 'v1',
        kind: 'Token',
        metadata: { name, namespace, uid, resourceVersion: String(now) },
        token,
        issuedAt: now,
        seconds,
      }
      kept.set(key, made)
      lookAgain(key, uid, oldAt(made))
      return token
    } catch (error) {
      if (last === undefined || !isAway(error)) throw error
      lookAgain(key, uid, now + RETRY_MS)
      return last.token
    }
  }

  function withPatience<T>(answer: Promise<T>): Promise<T> {
    const answered = new AbortController()
    const patience = clock.sleep(PATIENCE_MS, answered.signal).then(() => {
      throw new BowlineError('unavailable', 'Cannot ask for a token: the server does not answer', {
        retryable: true,
      })
    })
    patience.catch(() => undefined)
    answer.catch(() => undefined)
    return Promise.race([answer, patience]).finally(() => answered.abort())
  }

  return {
    of(pod, { audience = '', expirationSeconds = DEFAULT_SECONDS }) {
      const key = `${pod.metadata.uid}/${expirationSeconds}/${audience}`
      const known = running.get(key)
      if (known !== undefined) return known
      const started = find(pod, audience, expirationSeconds, key).finally(() => running.delete(key))
      running.set(key, started)
      return started
    },
    forget(uid) {
      const isOf = (key: string) => key.startsWith(`${uid}/`)
      for (const [key, cancel] of alarms) {
        if (!isOf(key)) continue
        cancel()
        alarms.delete(key)
      }
      kept.keepOnly(key => !isOf(key))
    },
    retain(uids) {
      void kept.loaded.then(() => kept.keepOnly(key => uids.has(key.slice(0, key.indexOf('/')))))
    },
    async close() {
      closing.abort()
      for (const cancel of alarms.values()) cancel()
      alarms.clear()
      await kept.close()
    },
  }
}

function oldAt({ issuedAt, seconds }: KeptToken): number {
  return issuedAt + Math.min(seconds * 1000 * OLD_SHARE, OLD_MS)
}

function isAway(error: unknown): boolean {
  if (isTransient(error)) return true
  return [...causesOf(error)].some(cause => cause instanceof BowlineError && cause.retryable)
}
