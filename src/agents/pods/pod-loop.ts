import {
  type BackoffOptions,
  backoffMs,
  type Clock,
  deepEqual,
  isAborted,
  type Logger,
  messageOf,
  WorkQueue,
} from '../../base/index.ts'
import { refusalOf } from '../containers/host-access.ts'
import { readLastWords } from '../containers/last-words.ts'
import type { Prober } from '../probes/index.ts'
import type { ContainerStatus } from '../runtime/index.ts'
import type { HostGrants } from '../volumes/index.ts'
import { type AssignedPod, podTitle } from './assigned-pod.ts'
import { carryOut, payloadSources, type Work } from './carry-out.ts'
import type { Checkpoints } from './checkpoints.ts'
import { containersOf, currentContainer, finalPhase, newestSandbox } from './lifecycle.ts'
import type { CarryOutMeans } from './means.ts'
import { PodEntry } from './pod-entry.ts'
import { backingOff, graceMsOf, nextStep } from './step.ts'
import { EVICTED, POD_UNIT, type PodFailure, type PodView } from './view.ts'

export interface PodLoopOptions {
  readonly means: CarryOutMeans
  readonly prober: Prober
  readonly checkpoints: Checkpoints
  readonly grants: HostGrants
  /** Why a pod that has not begun yet cannot be taken now; undefined when it can. */
  readonly refusalOf: (pod: AssignedPod) => PodFailure | undefined
  readonly clock: Clock
  readonly log: Logger
  /** The pod's status may read differently now. */
  readonly onChange: (uid: string) => void
  /** The API server has the status that this view gives. */
  readonly isPublished: (view: PodView) => boolean
}

/** Between attempts at work that failed for a reason without a name, such as an engine that is away. */
const RETRY: BackoffOptions = { initialMs: 250, maxMs: 20_000 }
/** How long an image shows ErrImagePull before it shows ImagePullBackOff. */
const PULL_ERROR_SHOWN_MS = 1000
/** How long an agent that ends waits for the engine's answers to what it asked. */
const SHUTDOWN_MS = 2000
/** How long an evicted pod may take to give back what it took (kubelet: `podCleanupTimeout`), and to be told of before that. */
const EVICTION_MS = 30_000
const PUBLISH_MS = 10_000
/** A pod of which only containers are left, and no object that would say how gently they are to be stopped. */
const ORPHAN_GRACE_MS = 1000

/**
 * Moves this node's pods on, one step of one unit at a time: looks at a pod, asks `nextStep`, begins the work, and looks again when
 * something has changed. Looking never waits; the work runs beside it.
 */
export class PodLoop {
  readonly #options: PodLoopOptions
  readonly #entries = new Map<string, PodEntry>()
  readonly #queue: WorkQueue
  readonly #working = new Set<Promise<void>>()
  readonly #timers = new Set<() => void>()
  #signal: AbortSignal = AbortSignal.abort()
  /** Set once the server's complete list was seen: before that nothing is an orphan. */
  #mayRemove = false
  #onForget: () => void = () => {}

  constructor(options: PodLoopOptions) {
    this.#options = options
    this.#queue = new WorkQueue(options.clock)
  }

  /** Follows the pods until `signal` aborts and what was begun has ended. Containers stay as they are. */
  async run(signal: AbortSignal): Promise<void> {
    this.#signal = signal
    if (signal.aborted) this.#queue.close()
    else signal.addEventListener('abort', () => this.#queue.close(), { once: true })
    for (let uid = await this.#queue.take(); uid !== undefined; uid = await this.#queue.take()) {
      try {
        this.#look(uid)
      } catch (error) {
        this.#options.log.error('a pod could not be looked at', { pod: uid, error: messageOf(error) })
        this.#queue.addAfter(uid, RETRY.maxMs)
      }
      this.#queue.done(uid)
    }
    for (const cancel of this.#timers) cancel()
    for (const { busy, stopping } of this.#entries.values()) {
      for (const abort of busy.values()) abort.abort()
      for (const { abort } of stopping.values()) abort.abort()
    }
    this.#options.prober.close()
    await this.#endWork()
  }

  entry(uid: string): PodEntry | undefined {
    return this.#entries.get(uid)
  }

  get entries(): Iterable<PodEntry> {
    return this.#entries.values()
  }

  view(entry: PodEntry): PodView {
    return entry.view(this.#options.means, this.#options.clock.now(), this.#options.isPublished)
  }

  /** What may be told of a pod now; undefined while the last words of a container that has ended are still being read. */
  toldView(uid: string): PodView | undefined {
    const entry = this.#entries.get(uid)
    if (entry === undefined) return undefined
    const view = this.view(entry)
    return this.#listen(entry, view) ? undefined : view
  }

  /** A pod of this node as the server has it. */
  setPod(pod: AssignedPod): void {
    const now = this.#options.clock.now()
    this.#options.checkpoints.save(pod)
    let entry = this.#entries.get(pod.metadata.uid)
    if (entry === undefined) {
      entry = new PodEntry(pod)
      this.#entries.set(entry.uid, entry)
      if (pod.metadata.deletionTimestamp !== undefined) entry.end(graceMsOf(pod), now)
      this.#admit(entry)
    } else {
      const { labels, annotations } = entry.pod.metadata
      if (!entry.accept(pod, now)) return
      // A downwardAPI volume shows these.
      const { metadata } = pod
      if (!deepEqual(labels, metadata.labels) || !deepEqual(annotations, metadata.annotations))
        this.refreshVolumes(entry.uid)
    }
    this.wake(entry.uid)
  }

  /** The server no longer has this pod. */
  removePod(uid: string): void {
    const entry = this.#entries.get(uid)
    if (entry === undefined) return
    entry.gone = true
    entry.end(graceMsOf(entry.pod), this.#options.clock.now())
    this.wake(uid)
  }

  /** `present` are all pods of this node: what else the runtime or a folder holds is left over from pods that are gone. */
  async removeOrphans(present: ReadonlySet<string>): Promise<void> {
    this.#mayRemove = true
    this.#options.checkpoints.keepOnly(present)
    for (const uid of this.#entries.keys()) if (!present.has(uid)) this.removePod(uid)
    const { observed, volumes } = this.#options.means
    for (const uid of observed.uids()) this.#adoptOrphan(uid)
    for (const uid of await volumes.owners())
      if (!this.#entries.has(uid) && !observed.uids().has(uid)) await volumes.remove(uid)
  }

  /** Every pod that is here, with its containers. */
  present(): readonly { readonly pod: AssignedPod; readonly containers: readonly ContainerStatus[] }[] {
    const { observed } = this.#options.means
    return [...this.#entries.values()].map(({ uid, pod }) => ({
      pod,
      containers: observed.pod(uid).containers,
    }))
  }

  /** The pods that live and are not about to end. */
  living(): readonly AssignedPod[] {
    const living: AssignedPod[] = []
    for (const entry of this.#entries.values())
      if (entry.killAt === undefined && finalPhase(this.view(entry)) === undefined) living.push(entry.pod)
    return living
  }

  /** What a pod that was evicted took has not been given back yet; after half a minute nobody waits for it any more. */
  get isEvicting(): boolean {
    const since = this.#options.clock.now() - EVICTION_MS
    for (const { evictedAt, isEmptied } of this.#entries.values())
      if (evictedAt !== undefined && evictedAt > since && !isEmptied) return true
    return false
  }

  /** Ends a pod for good, as soon as its containers can be stopped; its status says why. */
  evict(uid: string, message: string): void {
    const entry = this.#entries.get(uid)
    if (entry === undefined || entry.killAt !== undefined) return
    entry.failure = { reason: EVICTED, message }
    entry.evictedAt = this.#options.clock.now()
    entry.end(0, entry.evictedAt)
    this.#options.means.record(entry.pod, 'Warning', EVICTED, message)
    this.wake(uid)
  }

  /**
   * Removes the containers and files of pods that are over and whose status the server has; their objects stay. For what was
   * evicted a server that is away is not waited for.
   */
  async removeEnded(): Promise<void> {
    const { runtime, observed, volumes } = this.#options.means
    for (const entry of [...this.#entries.values()]) {
      const view = this.view(entry)
      const isOver = finalPhase(view) !== undefined && !this.#runs(entry.uid) && entry.busy.size === 0
      if (!isOver || entry.gone || entry.isEmptied) continue
      const isLate = entry.evictedAt !== undefined && view.now - entry.evictedAt > PUBLISH_MS
      if (!isLate && !this.#options.isPublished(view)) continue
      entry.isEmptied = true
      for (const { id } of view.containers) {
        await runtime.removeContainer(id)
        observed.removeContainer(id)
      }
      for (const { id } of view.sandboxes) {
        await runtime.removeSandbox(id)
        observed.removeSandbox(id)
      }
      await volumes.remove(entry.uid)
    }
  }

  /** Ends every pod of this node, and whatever is left of earlier ones; resolves when nothing is. */
  async endAll(): Promise<void> {
    await this.removeOrphans(new Set())
    while (this.#entries.size > 0)
      await new Promise<void>(resolve => {
        this.#onForget = resolve
      })
  }

  /** Something about a pod has changed, or may have. */
  wake(uid: string): void {
    if (!this.#entries.has(uid) && this.#mayRemove) this.#adoptOrphan(uid)
    this.#queue.add(uid)
  }

  /** Brings the files of a pod's volumes up to date; volumes that could not be mounted are tried again at once. */
  refreshVolumes(uid: string): void {
    const entry = this.#entries.get(uid)
    if (entry === undefined || entry.killAt !== undefined) return
    if (entry.volumes === undefined) {
      entry.podRetryAt = 0
      return this.wake(uid)
    }
    const { means, log } = this.#options
    entry.refreshing = entry.refreshing.then(async () => {
      const sources = payloadSources(entry.pod, newestSandbox(this.view(entry))?.ip, means)
      try {
        await means.volumes.mount({ uid, name: entry.pod.metadata.name, spec: entry.pod.spec }, sources)
      } catch (error) {
        log.warn('volumes were not brought up to date', { pod: podField(entry), error: messageOf(error) })
      }
    })
    this.#track(entry.refreshing)
  }

  /** Lets what is under way end. A container that takes its grace period to stop goes on doing so without the agent. */
  async #endWork(): Promise<void> {
    const limit = new AbortController()
    const patience = this.#options.clock.sleep(SHUTDOWN_MS, limit.signal).catch(() => {})
    await Promise.race([Promise.all(this.#working), patience])
    limit.abort()
  }

  /** Refuses a pod that this host must not run. One that runs already was allowed when it came. */
  #admit(entry: PodEntry): void {
    const phase = entry.pod.status?.phase
    if (phase === 'Succeeded' || phase === 'Failed') return
    const isNew = entry.pod.status?.startTime === undefined && !this.#hasContainers(entry.uid)
    const refusal =
      refusalOf(entry.pod, this.#options.grants) ?? (isNew ? this.#options.refusalOf(entry.pod) : undefined)
    if (refusal !== undefined) this.#fail(entry, refusal.reason, refusal.message, 'Warning')
  }

  #runs(uid: string): boolean {
    return this.#options.means.observed.pod(uid).containers.some(({ state }) => state === 'running')
  }

  #hasContainers(uid: string): boolean {
    return this.#options.means.observed.pod(uid).containers.length > 0
  }

  #fail(entry: PodEntry, reason: string, message: string, type: 'Normal' | 'Warning'): void {
    entry.failure = { reason, message }
    entry.end(graceMsOf(entry.pod), this.#options.clock.now())
    this.#options.means.record(entry.pod, type, reason, message)
  }

  #adoptOrphan(uid: string): void {
    const { observed } = this.#options.means
    const { sandboxes, containers } = observed.pod(uid)
    const owner = [...sandboxes, ...containers][0]?.pod
    if (this.#entries.has(uid) || owner === undefined) return
    const entry = new PodEntry({ apiVersion: 'v1', kind: 'Pod', metadata: owner, spec: { containers: [] } })
    entry.gone = true
    entry.end(ORPHAN_GRACE_MS, this.#options.clock.now())
    this.#entries.set(uid, entry)
    this.#queue.add(uid)
  }

  /** Begins whatever can be done for a pod now. */
  #look(uid: string): void {
    const entry = this.#entries.get(uid)
    if (entry === undefined) return
    for (;;) {
      const view = this.view(entry)
      const step = nextStep(view)
      if (step.type === 'wait') {
        if (step.until !== undefined) this.#queue.addAfter(uid, step.until - view.now)
        this.#announceBackOff(entry, view)
        this.#followProbes(entry, view)
        if (!this.#listen(entry, view)) this.#options.onChange(uid)
        return
      }
      if (step.type === 'fail') this.#fail(entry, step.reason, step.message, 'Normal')
      else this.#begin(entry, step, view)
    }
  }

  #begin(entry: PodEntry, step: Work, view: PodView): void {
    const unit = unitOf(step)
    const abort = new AbortController()
    if (step.type === 'stop-container') {
      const { container, killAt } = step
      entry.stopping.get(container.id)?.abort.abort()
      entry.stopping.set(container.id, { killAt, abort })
    } else entry.busy.set(unit, abort)
    this.#track(this.#work(entry, step, unit, view, abort.signal))
  }

  async #work(entry: PodEntry, step: Work, unit: string, view: PodView, signal: AbortSignal): Promise<void> {
    const { means, clock, log } = this.#options
    try {
      await carryOut(entry, step, view, means, signal)
      entry.failures.delete(unit)
      if (step.type === 'pull-image') this.#showPullBackOff(entry, step.container.name)
    } catch (error) {
      const failures = entry.countFailure(unit)
      if (!isAborted(error))
        log.warn('a step failed', {
          pod: podField(entry),
          step: step.type,
          error: messageOf(error),
          failures,
        })
      // The unit stays busy meanwhile, so that nothing else of it is tried; the pod's end cuts this short.
      await clock.sleep(backoffMs(failures, RETRY), this.#either(signal)).catch(() => {})
    } finally {
      if (step.type !== 'stop-container') entry.busy.delete(unit)
      else if (entry.stopping.get(step.container.id)?.abort.signal === signal)
        entry.stopping.delete(step.container.id)
      if (step.type === 'clean-up' && this.#isClean(entry.uid)) this.#forget(entry.uid)
      else this.wake(entry.uid)
    }
  }

  #either(signal: AbortSignal): AbortSignal {
    return AbortSignal.any([signal, this.#signal])
  }

  #isClean(uid: string): boolean {
    const { sandboxes, containers } = this.#options.means.observed.pod(uid)
    return sandboxes.length === 0 && containers.length === 0
  }

  #forget(uid: string): void {
    const entry = this.#entries.get(uid)
    for (const id of entry?.probed ?? []) this.#options.prober.forget(id)
    this.#entries.delete(uid)
    this.#options.checkpoints.remove(uid)
    this.#options.onChange(uid)
    this.#onForget()
  }

  /** Asks the running containers of a living pod how they are, and no others. */
  #followProbes(entry: PodEntry, view: PodView): void {
    const { prober } = this.#options
    const wanted = new Set<string>()
    const ends = entry.killAt !== undefined || finalPhase(view) !== undefined
    for (const { spec, role } of ends ? [] : containersOf(entry.pod)) {
      const container = currentContainer(view, spec.name)
      if (role === 'init' || container?.state !== 'running' || view.busy.has(spec.name)) continue
      if (entry.stopping.has(container.id)) continue
      wanted.add(container.id)
      if (entry.probed.has(container.id)) continue
      entry.probed.add(container.id)
      const published = publishedHealth(entry, spec.name, container, this.#options.means.runtime.name)
      const startedAt = container.startedAt ?? container.createdAt
      prober.follow({
        id: container.id,
        container: spec,
        ip: newestSandbox(view)?.ip,
        startedAt,
        ...published,
      })
    }
    for (const id of entry.probed) {
      if (wanted.has(id)) continue
      entry.probed.delete(id)
      prober.forget(id)
    }
  }

  /** Reads the last words of containers that have ended since; true while it does: the status waits for them. */
  #listen(entry: PodEntry, view: PodView): boolean {
    const { means } = this.#options
    for (const container of view.containers) {
      const { id, name, attempt } = container
      if (container.state !== 'exited' || entry.lastWords.has(id) || entry.listening.has(id)) continue
      const spec = containersOf(entry.pod).find(candidate => candidate.spec.name === name)?.spec
      if (spec === undefined) continue
      entry.listening.add(id)
      const file = means.volumes.messageFile(entry.uid, name, attempt)
      this.#track(
        readLastWords(means.runtime, spec, container, file, this.#signal).then(words => {
          entry.listening.delete(id)
          entry.lastWords.set(id, words)
          this.wake(entry.uid)
        }),
      )
    }
    return entry.listening.size > 0
  }

  #announceBackOff(entry: PodEntry, view: PodView): void {
    for (const { id, name } of backingOff(view)) {
      if (entry.announced.has(id)) continue
      entry.announced.add(id)
      const message = `Back-off restarting failed container ${name} in pod ${podTitle(entry.pod)}`
      this.#options.means.record(entry.pod, 'Warning', 'BackOff', message, name)
    }
    for (const id of entry.announced)
      if (!view.containers.some(container => container.id === id)) entry.announced.delete(id)
  }

  /** As upstream shows it: first what went wrong, then that it waits. */
  #showPullBackOff(entry: PodEntry, name: string): void {
    if (entry.note(name).waiting?.reason !== 'ErrImagePull') return
    const cancel = this.#options.clock.after(PULL_ERROR_SHOWN_MS, () => {
      this.#timers.delete(cancel)
      const { waiting } = entry.note(name)
      if (waiting?.reason !== 'ErrImagePull' || entry.killAt !== undefined) return
      const image = containersOf(entry.pod).find(({ spec }) => spec.name === name)?.spec.image
      const message = `Back-off pulling image "${image}": ErrImagePull: ${waiting.message}`
      entry.setNote(name, { waiting: { reason: 'ImagePullBackOff', message } })
      this.#options.means.record(entry.pod, 'Normal', 'BackOff', message, name)
      this.#options.means.record(entry.pod, 'Warning', 'Failed', 'Error: ImagePullBackOff', name)
      this.wake(entry.uid)
    })
    this.#timers.add(cancel)
  }

  #track(work: Promise<void>): void {
    this.#working.add(work)
    void work.finally(() => this.#working.delete(work))
  }
}

/** What a step keeps busy. A stop keeps nothing busy: it is tracked by container, so that it can be hastened. */
function unitOf(step: Work): string {
  switch (step.type) {
    case 'pull-image':
    case 'create-container':
    case 'start-container':
    case 'remove-container':
    case 'stop-container':
      return step.container.name
    default:
      return POD_UNIT
  }
}

/** The health that was published of this very container, by this agent or the one before it. */
function publishedHealth(
  entry: PodEntry,
  name: string,
  { id }: ContainerStatus,
  runtimeName: string,
): { readonly started: boolean; readonly ready: boolean } {
  const { initContainerStatuses = [], containerStatuses = [] } = entry.pod.status ?? {}
  const status = [...initContainerStatuses, ...containerStatuses].find(candidate => candidate.name === name)
  if (status?.containerID !== `${runtimeName}://${id}`) return { started: false, ready: false }
  return { started: status.started ?? false, ready: status.ready ?? false }
}

function podField({ pod }: PodEntry): string {
  const { namespace, name } = pod.metadata
  return `${namespace}/${name}`
}
