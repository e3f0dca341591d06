import { type Clock, hasCode, messageOf, type Service } from '../../../base/index.ts'
import { type Client, ifFound } from '../../../client/index.ts'
import { type CertificateSigningRequest, formatTime, Kinds, parseTime } from '../../../kube/index.ts'
import { type Authority, DAY_MS, readRequest, signRequest, validFrom } from '../../../pki/index.ts'
import { ControlLoop, type ControllerContext, type ReconcileResult } from '../control-loop.ts'
import { CLIENT_SIGNER, type ClientSubject, clientProblem } from './client-request.ts'
import { deny, judgeRequest, NODE_SIGNER, nodeNameIn, requesterOf, type Verdict } from './node-request.ts'

const NAME = 'certificate-signer'
const DEFAULT_LIFETIME_MS = 30 * DAY_MS
/** The longest that a person's certificate lasts (upstream's `--cluster-signing-duration`). */
const CLIENT_LIFETIME_MS = 365 * DAY_MS
const HOUR_MS = 60 * 60 * 1000

/** How long requests are kept (upstream's csrcleaner): decided ones for an hour, those that wait for a person for a day. */
const KEEP_DECIDED_MS = HOUR_MS
const KEEP_PENDING_MS = 24 * HOUR_MS

/** How long a name is kept for a host that was given a certificate and has not made its Node yet. */
const RESERVED_MS = 30_000

export interface CertificateSignerOptions {
  readonly authority: Authority
  /** Binds a join token to a node name; false when the token is no longer good for it. */
  readonly claimToken: (tokenId: string, nodeName: string) => Promise<boolean>
  /**
   * The membership that a certificate of this node belongs to: a new one for a host that joins, the running one for a renewal;
   * undefined for none.
   */
  readonly membershipOf: (nodeName: string, isJoin: boolean) => Promise<string | undefined>
  /** How long agents' certificates last. Default 30 days. */
  readonly lifetimeMs?: number
}

type Condition = NonNullable<NonNullable<CertificateSigningRequest['status']>['conditions']>[number]

/**
 * Answers the requests for client certificates: decides those of joining hosts and of agents that renew, signs what is approved, and
 * forgets old ones. The subject of an agent's certificate is always its node's, whatever the request asks for; that of a person's is the
 * one that a person approved.
 */
export class CertificateSigner implements Service {
  readonly #client: Client
  readonly #clock: Clock
  readonly #loop: ControlLoop
  readonly #options: CertificateSignerOptions
  /** When a Node of this name was last deleted: whoever had the name before has no claim on it any more. */
  readonly #deletedAt = new Map<string, number>()

  constructor(context: ControllerContext, options: CertificateSignerOptions) {
    this.#client = context.client
    this.#clock = context.clock
    this.#options = options
    // One at a time: two hosts that ask for one name at once are judged one after the other.
    this.#loop = new ControlLoop(context, { name: NAME, reconcile: key => this.#reconcile(key), workers: 1 })
    const { enqueue } = this.#loop
    this.#loop.follow(Kinds.CertificateSigningRequest, { added: enqueue, updated: enqueue })
    this.#loop.follow(Kinds.Node, {
      deleted: ({ metadata }) => this.#release(metadata.name ?? ''),
    })
  }

  start(signal: AbortSignal): Promise<void> {
    return this.#loop.start(signal)
  }

  async #reconcile(key: string): Promise<ReconcileResult | undefined> {
    const request = await this.#read(key)
    if (request === undefined) return undefined
    const left = this.#timeLeft(request)
    if (left <= 0) {
      await this.#forget(request)
      return undefined
    }
    const { signerName } = request.spec
    // Every write comes back as a change, which is looked at anew.
    if (!isSettled(request)) {
      const isApproved = hasCondition(request, 'Approved')
      if (signerName === NODE_SIGNER) await (isApproved ? this.#signNode(request) : this.#decide(request))
      else if (signerName === CLIENT_SIGNER && isApproved) await this.#signClient(request)
    }
    return { requeueAfterMs: left }
  }

  async #decide(request: CertificateSigningRequest): Promise<void> {
    const verdict = await this.#judge(request)
    if (verdict.type === 'leave') return
    const { reason, message } = verdict
    const type = verdict.type === 'approve' ? 'Approved' : 'Denied'
    await this.#addCondition(request, 'approval', { type, status: 'True', reason, message })
  }

  async #judge(request: CertificateSigningRequest): Promise<Verdict> {
    const requester = requesterOf(request)
    if (requester.type === 'other') return { type: 'leave' }
    const asked = await readAsked(request)
    if ('problem' in asked) return deny('BadRequest', asked.problem)
    const { nodeName, publicKey } = asked
    const nodeExists = await this.#nodeExists(nodeName)
    const nameIsReserved =
      requester.type === 'joiner' && !nodeExists && (await this.#isReserved(nodeName, publicKey))
    const verdict = judgeRequest({ requester, nodeName, nodeExists, nameIsReserved })
    if (verdict.type !== 'approve' || requester.type !== 'joiner') return verdict
    if (await this.#options.claimToken(requester.tokenId, nodeName)) return verdict
    return deny(
      'TokenSpent',
      'The join token has been used for another node, has expired or has been revoked.',
    )
  }

  async #signNode(request: CertificateSigningRequest): Promise<void> {
    const asked = await readAsked(request)
    if ('problem' in asked) return this.#fail(request, asked.problem)
    const { membershipOf, lifetimeMs = DEFAULT_LIFETIME_MS } = this.#options
    const memberId = await membershipOf(asked.nodeName, requesterOf(request).type !== 'node')
    const organizations = ['system:nodes', ...(memberId === undefined ? [] : [`bowline:member:${memberId}`])]
    await this.#sign(request, { commonName: `system:node:${asked.nodeName}`, organizations }, lifetimeMs)
  }

  /** What a person has approved: the subject is the one that was asked for, and that the person has seen. */
  async #signClient(request: CertificateSigningRequest): Promise<void> {
    const asked = await readSubject(request)
    const problem = 'problem' in asked ? asked.problem : clientProblem(request.spec, asked)
    if ('problem' in asked || problem !== undefined) return this.#fail(request, problem ?? '')
    await this.#sign(request, asked, CLIENT_LIFETIME_MS)
  }

  async #sign(request: CertificateSigningRequest, subject: ClientSubject, longestMs: number): Promise<void> {
    const wantedMs = (request.spec.expirationSeconds ?? Number.POSITIVE_INFINITY) * 1000
    const certificate = await signRequest({
      authority: this.#options.authority,
      request: pemOf(request),
      subject,
      usages: ['client'],
      validity: validFrom(this.#clock.now(), Math.min(wantedMs, longestMs)),
    })
    const status = { ...request.status, certificate: Buffer.from(certificate).toString('base64') }
    await this.#client.update(
      Kinds.CertificateSigningRequest,
      { ...request, status },
      { subresource: 'status' },
    )
  }

  #fail(request: CertificateSigningRequest, message: string): Promise<void> {
    const condition: Condition = {
      type: 'Failed',
      status: 'True',
      reason: 'SignerValidationFailure',
      message,
    }
    return this.#addCondition(request, 'status', condition)
  }

  async #addCondition(
    request: CertificateSigningRequest,
    subresource: 'approval' | 'status',
    condition: Condition,
  ): Promise<void> {
    const now = formatTime(this.#clock.now())
    const stamped: Condition = { ...condition, lastUpdateTime: now, lastTransitionTime: now }
    const status = { ...request.status, conditions: [...(request.status?.conditions ?? []), stamped] }
    await this.#client.update(Kinds.CertificateSigningRequest, { ...request, status }, { subresource })
  }

  /** Read anew: a decision is not taken on a cache that lags behind the decision before. */
  #read(name: string): Promise<CertificateSigningRequest | undefined> {
    return ifFound(this.#client.get(Kinds.CertificateSigningRequest, name))
  }

  async #nodeExists(name: string): Promise<boolean> {
    return (await ifFound(this.#client.get(Kinds.Node, name))) !== undefined
  }

  #release(nodeName: string): void {
    const now = this.#clock.now()
    for (const [name, at] of this.#deletedAt) if (now - at > RESERVED_MS) this.#deletedAt.delete(name)
    this.#deletedAt.set(nodeName, now)
  }

  /** True when a joining host with another key was given this name a moment ago, and its Node has not come and gone since. */
  async #isReserved(nodeName: string, publicKey: string): Promise<boolean> {
    const deletedAt = this.#deletedAt.get(nodeName) ?? Number.NEGATIVE_INFINITY
    const { items } = await this.#client.list(Kinds.CertificateSigningRequest)
    for (const other of items) {
      if (other.spec.signerName !== NODE_SIGNER || !hasCondition(other, 'Approved')) continue
      const age = this.#age(other)
      if (requesterOf(other).type !== 'joiner' || age > RESERVED_MS) continue
      if (this.#clock.now() - age <= deletedAt) continue
      const asked = await readAsked(other)
      if (!('problem' in asked) && asked.nodeName === nodeName && asked.publicKey !== publicKey) return true
    }
    return false
  }

  #timeLeft(request: CertificateSigningRequest): number {
    return (isSettled(request) ? KEEP_DECIDED_MS : KEEP_PENDING_MS) - this.#age(request)
  }

  #age({ metadata }: CertificateSigningRequest): number {
    const now = this.#clock.now()
    return now - (parseTime(metadata.creationTimestamp) ?? now)
  }

  async #forget({ metadata }: CertificateSigningRequest): Promise<void> {
    await ifFound(this.#client.delete(Kinds.CertificateSigningRequest, metadata.name ?? ''))
  }
}

/** The node and the key that a request is about, or what is wrong with it in words for whoever made it. */
async function readAsked(
  request: CertificateSigningRequest,
): Promise<{ readonly nodeName: string; readonly publicKey: string } | Problem> {
  const asked = await readSubject(request)
  if ('problem' in asked) return asked
  const nodeName = nodeNameIn(asked.commonName)
  if (nodeName === undefined)
    return { problem: 'The common name must be system:node:<name>, the name a DNS subdomain.' }
  return { nodeName, publicKey: asked.publicKey }
}

interface Problem {
  readonly problem: string
}

/** Who is to be certified, as the request says, and the key. */
async function readSubject(
  request: CertificateSigningRequest,
): Promise<(ClientSubject & { readonly publicKey: string }) | Problem> {
  try {
    const { subject, publicKey } = await readRequest(pemOf(request))
    return { commonName: subject.commonName, organizations: subject.organizations, publicKey }
  } catch (error) {
    if (hasCode(error, 'bad-input')) return { problem: messageOf(error) }
    throw error
  }
}

function pemOf({ spec }: CertificateSigningRequest): string {
  return Buffer.from(spec.request, 'base64').toString('utf8')
}

/** Nothing more will happen to it but that it is forgotten. */
function isSettled(request: CertificateSigningRequest): boolean {
  return (
    Boolean(request.status?.certificate) || hasCondition(request, 'Denied') || hasCondition(request, 'Failed')
  )
}

function hasCondition(request: CertificateSigningRequest, type: string): boolean {
  return (
    request.status?.conditions?.some(condition => condition.type === type && condition.status === 'True') ??
    false
  )
}
