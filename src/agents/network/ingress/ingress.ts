import { join } from 'node:path'
import {
  BowlineError,
  backoffMs,
  type Clock,
  deepEqual,
  hasCode,
  type Ids,
  type Logger,
  messageOf,
  type Service as Part,
} from '../../../base/index.ts'
import { type Client, type Informer, untilSynced } from '../../../client/index.ts'
import {
  ACME_CHALLENGES,
  challengesDigest,
  challengesOf,
  type EndpointSlice,
  type Ingress,
  type IngressClass,
  type IngressProblem,
  type KubeObject,
  type Node,
  objectKey,
  type Service,
  servedIngresses,
  tlsSecrets,
} from '../../../kube/index.ts'
import { defaultCertificate } from './default-certificate.ts'
import { FollowedSecrets, followConfigMap } from './followed-secrets.ts'
import type { ProxyOptions } from './haproxy/config.ts'
import { findHaproxy } from './haproxy/program.ts'
import { Haproxy, purgeHaproxy } from './haproxy/proxy.ts'
import { assembleModel, type ProxyModel } from './model.ts'
import { type IngressState, NodeReport } from './node-report.ts'
import { isServedByBowline } from './port-holder.ts'

export interface IngressOptions {
  readonly client: Client
  readonly nodeName: string
  /** The agent's data folder; the ingress has its folder `ingress`. */
  readonly dataDir: string
  readonly informers: {
    readonly ingresses: Informer<Ingress>
    readonly classes: Informer<IngressClass>
    readonly services: Informer<Service>
    readonly slices: Informer<EndpointSlice>
  }
  readonly proxy: ProxyOptions
  /** Whether pods may have loopback addresses. */
  readonly podsAreProcesses: boolean
  /** This host's Node as the server has it; undefined before it is registered. */
  readonly node: () => Node | undefined
  readonly record: (about: KubeObject, type: 'Normal' | 'Warning', reason: string, message: string) => void
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Logger
}

const SERVICE_LABEL = 'kubernetes.io/service-name'
const SERVICE_INDEX = 'ingress.service'

/** Changes that come together are worked together. */
const GATHER_MS = 10
/** Looked at anew without a change: is the proxy as it was left, and has a port become free? */
const LOOK_EVERY_MS = 10_000
const RETRY = { initialMs: 1000, maxMs: LOOK_EVERY_MS }

/**
 * Serves the ingresses on this host's ports by a proxy that goes on when the agent ends, and that the next agent takes over. Without
 * an ingress there is no proxy, and the ports are free. A port that somebody else has is waited for.
 */
export function createIngress(options: IngressOptions): Part {
  return new IngressPart(options)
}

class IngressPart implements Part {
  readonly #options: IngressOptions
  readonly #secrets: FollowedSecrets
  readonly #report: NodeReport
  #challenges: ReturnType<typeof followConfigMap> | undefined
  #haproxy: Haproxy | undefined
  /** What the proxy was last brought to; undefined when it has to be looked at. */
  #applied: ProxyModel | undefined
  #told = new Set<string>()
  #state: IngressState = { serving: false, reason: 'NothingToServe', message: '', challenges: '' }
  #failures = 0
  #isChanged = true
  #wake: (() => void) | undefined

  constructor(options: IngressOptions) {
    this.#options = options
    this.#secrets = new FollowedSecrets({ ...options, onChange: () => this.#changed() })
    this.#report = new NodeReport(options)
  }

  async start(signal: AbortSignal): Promise<void> {
    const { informers, log } = this.#options
    informers.slices.addIndex(SERVICE_INDEX, ({ metadata }) => [
      `${metadata.namespace}/${metadata.labels?.[SERVICE_LABEL] ?? ''}`,
    ])
    const changed = () => this.#changed()
    const handler = { added: changed, updated: changed, deleted: changed }
    const { ingresses, classes, services, slices } = informers
    const subscriptions = [
      ingresses.subscribe(handler),
      classes.subscribe(handler),
      services.subscribe(handler),
      slices.subscribe(handler),
    ]
    try {
      // What the last agent left is served before the server has said a word.
      await this.#resume()
      if (!(await untilSynced(Object.values(informers), signal))) return
      while (!signal.aborted) {
        const waitMs = await this.#look()
        await this.#pause(waitMs, signal)
      }
    } catch (error) {
      if (!signal.aborted) log.error('the ingress failed', { error: messageOf(error) })
      throw error
    } finally {
      for (const unsubscribe of subscriptions) unsubscribe()
      this.#secrets.close()
      this.#challenges?.stop()
      this.#haproxy?.close()
    }
  }

  #changed(): void {
    this.#isChanged = true
    this.#wake?.()
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options
    if (!this.#isChanged) {
      const woken = new AbortController()
      this.#wake = () => woken.abort()
      await clock.sleep(ms, AbortSignal.any([signal, woken.signal])).catch(() => {})
      this.#wake = undefined
      // Nothing has changed, but time has passed.
      if (!woken.signal.aborted) this.#applied = undefined
    }
    await clock.sleep(GATHER_MS, signal).catch(() => {})
    this.#isChanged = false
  }

  async #resume(): Promise<void> {
    const { log } = this.#options
    try {
      const haproxy = await this.#open()
      if (await haproxy?.resume()) log.info('the ingress proxy serves what it served before')
    } catch (error) {
      log.warn('the ingress proxy of before was not started', { error: messageOf(error) })
    }
  }

  async #open(): Promise<Haproxy | undefined> {
    if (this.#haproxy !== undefined) return this.#haproxy
    const { dataDir, proxy, clock, log } = this.#options
    const program = await findHaproxy()
    if (program === undefined) return undefined
    this.#haproxy = new Haproxy({
      folder: ingressFolder(dataDir),
      program,
      proxy,
      defaultCertificate: () => defaultCertificate(join(dataDir, 'ingress-default.pem'), clock),
      onEnd: () => {
        this.#applied = undefined
        this.#changed()
      },
      clock,
      log,
    })
    return this.#haproxy
  }

  #ingresses(): readonly Ingress[] {
    const { ingresses, classes } = this.#options.informers
    return servedIngresses(ingresses.list(), classes.list())
  }

  #follow(ingresses: readonly Ingress[]): void {
    this.#secrets.follow(tlsSecrets(ingresses))
    if (ingresses.length > 0)
      this.#challenges ??= followConfigMap(ACME_CHALLENGES, {
        ...this.#options,
        onChange: () => this.#changed(),
      })
  }

  /** Compares what is wanted with what is; returns when to look again. */
  async #look(): Promise<number> {
    const { log } = this.#options
    const ingresses = this.#ingresses()
    this.#follow(ingresses)
    try {
      this.#state = ingresses.length === 0 ? await this.#rest() : await this.#serve(ingresses)
      await this.#report.tell(this.#state)
      this.#failures = 0
      return LOOK_EVERY_MS
    } catch (error) {
      this.#applied = undefined
      const next = await this.#describeFailure(error)
      if (next.reason !== this.#state.reason) {
        const level = next.reason === 'StandBy' ? 'info' : 'warn'
        log[level]('this host serves no ingress', { reason: next.reason, error: messageOf(error) })
        const node = this.#options.node()
        if (node !== undefined && level === 'warn')
          this.#options.record(node, 'Warning', `Ingress${next.reason}`, next.message)
      }
      this.#state = next
      await this.#report.tell(next)
      this.#failures += 1
      return backoffMs(this.#failures, RETRY)
    }
  }

  async #rest(): Promise<IngressState> {
    if (this.#haproxy !== undefined && !deepEqual(this.#applied, NOTHING)) {
      await this.#haproxy.stop()
      this.#applied = NOTHING
    }
    return { serving: false, reason: 'NothingToServe', message: 'there is no ingress', challenges: '' }
  }

  async #serve(ingresses: readonly Ingress[]): Promise<IngressState> {
    const { informers, proxy, podsAreProcesses } = this.#options
    const haproxy = await this.#open()
    if (haproxy === undefined) throw new BowlineError('unsupported', NOT_INSTALLED)
    if (this.#state.reason === 'StandBy' && (await isServedByBowline(proxy.httpPort))) return this.#state
    const kept = await this.#keptPairs(haproxy, ingresses)
    const model = assembleModel({
      ingresses,
      service: (namespace, name) => informers.services.get(`${namespace}/${name}`),
      slices: (namespace, service) => informers.slices.byIndex(SERVICE_INDEX, `${namespace}/${service}`),
      podsAreProcesses,
      secret: (namespace, name) => this.#secrets.get(namespace, name),
      keptPair: (namespace, name) => kept.get(`${namespace}/${name}`),
      challenges: challengesOf(this.#challenges?.get()),
    })
    if (!deepEqual(withoutProblems(model), this.#applied && withoutProblems(this.#applied))) {
      this.#applied = undefined
      await haproxy.apply(model)
      this.#applied = model
    }
    this.#tell(model.problems)
    return {
      serving: true,
      reason: 'Serving',
      message: `ingresses are served at ports ${proxy.httpPort} and ${proxy.httpsPort}`,
      challenges: challengesDigest(model.challenges),
    }
  }

  /** A certificate stays as it was served last until the server tells of it: it may be away for days. */
  async #keptPairs(
    haproxy: Haproxy,
    ingresses: readonly Ingress[],
  ): Promise<ReadonlyMap<string, { pem: string }>> {
    const kept = new Map<string, { pem: string }>()
    for (const { namespace, name } of tlsSecrets(ingresses)) {
      if (this.#secrets.isKnown(namespace, name)) continue
      const pem = await haproxy.certificate(`${namespace}/${name}`)
      if (pem !== undefined) kept.set(`${namespace}/${name}`, { pem })
    }
    return kept
  }

  /** Each problem is told once, as long as it lasts. */
  #tell(problems: readonly IngressProblem[]): void {
    const told = new Set<string>()
    for (const { ingress, reason, message } of problems) {
      const key = `${objectKey(ingress)} ${reason} ${message}`
      told.add(key)
      if (!this.#told.has(key)) this.#options.record(ingress, 'Warning', reason, message)
    }
    this.#told = told
  }

  async #describeFailure(error: unknown): Promise<IngressState> {
    const { httpPort, httpsPort } = this.#options.proxy
    const message = messageOf(error)
    const failed = { serving: false, message, challenges: '' }
    if (hasCode(error, 'unsupported')) return { ...failed, reason: 'NotInstalled' }
    if (!/cannot bind/i.test(message)) return { ...failed, reason: 'Failed' }
    if (/permission denied/i.test(message)) return { ...failed, reason: 'PortNotAllowed' }
    if ((await isServedByBowline(httpPort)) || (await isServedByBowline(httpsPort)))
      return { ...failed, reason: 'StandBy', message: 'another agent of this host serves the ingresses' }
    return { ...failed, reason: 'PortTaken' }
  }
}

const NOTHING: ProxyModel = { routes: [], backends: [], certificates: [], challenges: [], problems: [] }

const NOT_INSTALLED = 'HAProxy is not installed on this host; on Debian: apt install haproxy'

/** Where the proxy of an agent lives. */
function ingressFolder(dataDir: string): string {
  return join(dataDir, 'ingress')
}

/** Ends the proxy that serves for the agent with this data folder, which must have ended, and forgets its files. */
export async function purgeIngress(dataDir: string, clock: Clock): Promise<void> {
  await purgeHaproxy(ingressFolder(dataDir), clock)
}

function withoutProblems({ problems: _, ...model }: ProxyModel): Omit<ProxyModel, 'problems'> {
  return model
}
