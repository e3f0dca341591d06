import { createHash } from 'node:crypto'
import { BowlineError, type Clock, messageOf, type Service as Part } from '../../../base/index.ts'
import { type Client, type Informer, ifFound } from '../../../client/index.ts'
import {
  ACME_CHALLENGES,
  CHALLENGES_ANSWERED_ANNOTATION,
  challengesDigest,
  INGRESS_CONDITION,
  type Ingress,
  type IngressClass,
  Kinds,
  type Node,
  type Secret,
  servedIngresses,
} from '../../../kube/index.ts'
import { ControlLoop, type ControllerContext, type ReconcileResult } from '../control-loop.ts'
import { conditionStatus } from '../node-lifecycle/node-taints.ts'
import { type AcmeAuthority, createKey, type IssuedCertificate } from './acme-authority.ts'
import { OrderFailures } from './order-failures.ts'
import { patchConfigMap } from './patch-config-map.ts'
import {
  ISSUED_ANNOTATION,
  judgeCertificate,
  type WantedCertificate,
  wantedCertificates,
} from './wanted-certificates.ts'

const NAME = 'acme-controller'
const ACCOUNT_NAMESPACE = 'kube-system'

/** A Secret that somebody deleted or changed is noticed within so long. */
const LOOK_EVERY_MS = 60 * 60 * 1000
/** Nothing was asked of the authority yet. */
const NO_HOST_MS = 5000
/** How long hosts may take to answer a new challenge before the authority is sent there all the same. */
const ANSWER_MS = 30_000
const POLL_MS = 100
/** One order is worked on at a time: an authority that does not go on must not keep the others waiting. */
const ORDER_MS = 15 * 60 * 1000

/** Thrown before the authority is asked for anything that it counts. */
class NoHost extends BowlineError {}

/**
 * Gets the certificates of ingresses that ask for it from an ACME authority, and renews them. The challenge is answered by every host's
 * ingress; the account's key is a Secret in `kube-system`. A Secret that was not made here is never touched.
 */
export class AcmeController implements Part {
  readonly #client: Client
  readonly #clock: Clock
  readonly #loop: ControlLoop
  readonly #authority: AcmeAuthority
  readonly #ingresses: Informer<Ingress>
  readonly #classes: Informer<IngressClass>
  readonly #nodes: Informer<Node>
  readonly #failures: OrderFailures
  readonly #toldForeign = new Set<string>()

  constructor(context: ControllerContext, authority: AcmeAuthority) {
    this.#client = context.client
    this.#clock = context.clock
    this.#authority = authority
    this.#failures = new OrderFailures(context.client)
    this.#loop = new ControlLoop(context, {
      name: NAME,
      begin: () => this.#begin(),
      reconcile: (key, signal) => this.#reconcile(key, signal),
      workers: 1,
    })
    const look = () => {
      for (const key of this.#wanted().keys()) this.#loop.add(key)
    }
    this.#ingresses = this.#loop.follow(Kinds.Ingress, look)
    this.#classes = this.#loop.follow(Kinds.IngressClass, look)
    this.#nodes = this.#loop.follow(Kinds.Node)
  }

  start(signal: AbortSignal): Promise<void> {
    return this.#loop.start(signal)
  }

  async #begin(): Promise<void> {
    await this.#forgetChallenges()
    await this.#failures.load()
  }

  #wanted(): ReadonlyMap<string, WantedCertificate> {
    return wantedCertificates(servedIngresses(this.#ingresses.list(), this.#classes.list()))
  }

  async #reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult | undefined> {
    const all = this.#wanted()
    const wanted = all.get(key)
    if (wanted === undefined) return undefined
    const secret = await this.#readSecret(key)
    const { directory } = this.#authority
    const verdict = judgeCertificate(secret, wanted, { directory, now: this.#clock.now() })
    if (verdict.type === 'foreign') this.#tellForeign(key, wanted)
    if (verdict.type === 'good')
      return { requeueAfterMs: Math.min(LOOK_EVERY_MS, verdict.renewAt - this.#clock.now()) }
    if (verdict.type !== 'issue') return { requeueAfterMs: LOOK_EVERY_MS }
    const wait = this.#failures.waitOf(key, wanted.hosts, this.#clock.now())
    if (wait > 0) return { requeueAfterMs: wait }
    try {
      const issued = await this.#issue(wanted, signal)
      await this.#keep(key, issued, secret)
    } catch (error) {
      if (signal.aborted) return undefined
      return { requeueAfterMs: await this.#noteFailure(key, all, error) }
    }
    await this.#failures.forget(key)
    for (const ingress of wanted.ingresses)
      this.#loop.events.record(
        ingress,
        'Normal',
        'CertificateIssued',
        `Secret ${key} holds a new certificate`,
      )
    this.#loop.log.info('a certificate was issued', { secret: key, hosts: wanted.hosts.join(' ') })
    return { requeueAfterMs: LOOK_EVERY_MS }
  }

  #tellForeign(key: string, { ingresses }: WantedCertificate): void {
    if (this.#toldForeign.has(key)) return
    this.#toldForeign.add(key)
    for (const ingress of ingresses)
      this.#loop.events.record(
        ingress,
        'Warning',
        'CertificateNotManaged',
        `Secret ${key} was not made by ACME, and is left as it is`,
      )
  }

  async #noteFailure(
    key: string,
    all: ReadonlyMap<string, WantedCertificate>,
    error: unknown,
  ): Promise<number> {
    if (error instanceof NoHost) return NO_HOST_MS
    const { hosts = [], ingresses = [] } = all.get(key) ?? {}
    const message = `Cannot get a certificate for ${hosts.join(', ')}: ${messageOf(error)}`
    for (const ingress of ingresses)
      this.#loop.events.record(ingress, 'Warning', 'CertificateFailed', message)
    this.#loop.log.warn('a certificate was not issued', { secret: key, error: messageOf(error) })
    return await this.#failures.note(key, { hosts, now: this.#clock.now(), wanted: all })
  }

  async #issue({ hosts }: WantedCertificate, signal: AbortSignal): Promise<IssuedCertificate> {
    if (this.#servingNodes().length === 0)
      throw new NoHost('unavailable', 'Cannot answer a challenge: no host serves ingresses', {
        retryable: true,
      })
    const accountKey = await this.#accountKey()
    // Made here, so that the challenges of several hosts do not all try to make it.
    await this.#writeChallenges({})
    return this.#within(ORDER_MS, signal, bounded =>
      this.#authority.issue({
        hosts,
        accountKey,
        publish: async (token, answer) => {
          bounded.throwIfAborted()
          await this.#writeChallenges({ [token]: answer })
          await this.#untilAnswered([token, answer], bounded)
        },
        withdraw: token => this.#writeChallenges({ [token]: null }),
      }),
    )
  }

  /** What `work` comes to, if it does before the signal aborts and in `ms`; it is not waited for any longer. */
  async #within<T>(ms: number, signal: AbortSignal, work: (bounded: AbortSignal) => Promise<T>): Promise<T> {
    const late = new AbortController()
    const cancel = this.#clock.after(ms, () =>
      late.abort(new BowlineError('timeout', `the authority was not done within ${ms / 60_000} minutes`)),
    )
    const bounded = AbortSignal.any([signal, late.signal])
    try {
      return await Promise.race([
        work(bounded),
        new Promise<never>((_, reject) => {
          bounded.addEventListener('abort', () => reject(bounded.reason), { once: true })
          if (bounded.aborted) reject(bounded.reason)
        }),
      ])
    } finally {
      cancel()
    }
  }

  async #keep(
    key: string,
    { certificate, key: privateKey }: IssuedCertificate,
    known: Secret | undefined,
  ): Promise<void> {
    const [namespace = '', name = ''] = key.split('/')
    const annotations = { [ISSUED_ANNOTATION]: this.#authority.directory }
    const data = { 'tls.crt': base64(certificate), 'tls.key': base64(privateKey) }
    if (known === undefined)
      await this.#client.create(Kinds.Secret, {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name, namespace, annotations },
        type: 'kubernetes.io/tls',
        data,
      })
    // The version that was judged: one that somebody wrote meanwhile is looked at anew.
    else
      await this.#client.update(Kinds.Secret, {
        ...known,
        metadata: { ...known.metadata, annotations: { ...known.metadata.annotations, ...annotations } },
        data: { ...known.data, ...data },
      })
  }

  async #readSecret(key: string): Promise<Secret | undefined> {
    const [namespace = '', name = ''] = key.split('/')
    return ifFound(this.#client.get(Kinds.Secret, name, { namespace }))
  }

  /** One account per directory, for good. */
  async #accountKey(): Promise<string> {
    const directory = createHash('sha256').update(this.#authority.directory).digest('hex').slice(0, 10)
    const name = `bowline-acme-account-${directory}`
    const known = await this.#readSecret(`${ACCOUNT_NAMESPACE}/${name}`)
    const kept = Buffer.from(known?.data?.['account.key'] ?? '', 'base64').toString()
    if (kept !== '') return kept
    const key = await createKey()
    await this.#client.create(Kinds.Secret, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: {
        name,
        namespace: ACCOUNT_NAMESPACE,
        annotations: { [ISSUED_ANNOTATION]: this.#authority.directory },
      },
      type: 'Opaque',
      data: { 'account.key': base64(key) },
    })
    return key
  }

  async #writeChallenges(data: Readonly<Record<string, string | null>>): Promise<void> {
    await patchConfigMap(this.#client, ACME_CHALLENGES, data)
  }

  /** Those of a server that was cut off: nobody will ask for them. */
  async #forgetChallenges(): Promise<void> {
    const { namespace, name } = ACME_CHALLENGES
    const left = await ifFound(this.#client.get(Kinds.ConfigMap, name, { namespace }))
    const tokens = Object.keys(left?.data ?? {})
    if (tokens.length > 0) await this.#writeChallenges(Object.fromEntries(tokens.map(token => [token, null])))
  }

  /** The authority may ask any host: it is sent there when all of them know what to say. */
  async #untilAnswered(challenge: readonly [string, string], signal: AbortSignal): Promise<void> {
    const answered = challengesDigest([challenge])
    const deadline = this.#clock.now() + ANSWER_MS
    while (this.#clock.now() < deadline) {
      const missing = this.#servingNodes().filter(
        ({ metadata }) =>
          !(metadata.annotations?.[CHALLENGES_ANSWERED_ANNOTATION] ?? '').split(',').includes(answered),
      )
      if (missing.length === 0) return
      await this.#clock.sleep(POLL_MS, signal)
    }
  }

  #servingNodes(): readonly Node[] {
    return this.#nodes
      .list()
      .filter(
        node =>
          conditionStatus(node, INGRESS_CONDITION) === 'True' && conditionStatus(node, 'Ready') === 'True',
      )
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}
