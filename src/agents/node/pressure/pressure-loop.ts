import { readdir, stat, statfs } from 'node:fs/promises'
import { freemem } from 'node:os'
import { join } from 'node:path'
import { type Clock, isAborted, type Logger, messageOf } from '../../../base/index.ts'
import { type AssignedPod, podTitle } from '../../pods/assigned-pod.ts'
import type { ContainerStatus, Runtime } from '../../runtime/index.ts'
import { bytesToFree, collectableImages } from './image-collection.ts'
import { type ImageLedger, workloadOf } from './image-ledger.ts'
import { evictionMessage, isCritical, type PodUsage, rankForEviction } from './ranking.ts'
import {
  type Breach,
  type FileSystem,
  findBreaches,
  PressureTracker,
  type PressureType,
  type Signals,
} from './signals.ts'
import { limitsOf, storageExcess } from './storage-limits.ts'

/** The pods as eviction sees them. */
export interface EvictablePods {
  /** Every pod that is here, with its containers. */
  present(): readonly { readonly pod: AssignedPod; readonly containers: readonly ContainerStatus[] }[]
  /** Those that live and are not about to end. */
  living(): readonly AssignedPod[]
  /** A pod that was evicted has not given back yet what it took. */
  readonly isEvicting: boolean
  /** Ends a pod for good; its object says why. */
  evict(uid: string, message: string): void
  /** Removes the containers and files of pods that are over. */
  removeEnded(): Promise<void>
}

export interface PressureLoopOptions {
  readonly runtime: Runtime
  readonly pods: EvictablePods
  readonly ledger: ImageLedger
  readonly dataDir: string
  /** Where empty folders in memory are; undefined where there are none. */
  readonly memoryDir: string | undefined
  readonly clock: Clock
  readonly log: Logger
  /** A pressure began or ended. */
  readonly onChange: () => void
  /** Default: the machine's. */
  readonly availableMemory?: () => number
}

/** kubelet: `evictionMonitoringPeriod`. */
const LOOK_EVERY_MS = 10_000
/** While a threshold is crossed. */
const LOOK_AGAIN_MS = 1_000

/**
 * Watches memory and disk of the host. While a threshold is crossed it first removes what nobody needs (pods that are over,
 * images), then evicts one pod after the other, the one that used most beyond what it asked for first. Independently of that,
 * images go when the disk is four fifths full.
 */
export class PressureLoop {
  readonly #options: PressureLoopOptions
  readonly #tracker = new PressureTracker()
  #told = ''
  #hasFailed = false
  #limitsCheckedAt = Number.NEGATIVE_INFINITY
  /** Asked of the engine once: it does not move. */
  #imageFolder: string | undefined

  constructor(options: PressureLoopOptions) {
    this.#options = options
  }

  has(type: PressureType): boolean {
    return this.#tracker.has(type, this.#options.clock.now())
  }

  /** Why a new pod cannot be taken now, in upstream's words; undefined when it can. */
  refusalOf(pod: AssignedPod): { readonly reason: string; readonly message: string } | undefined {
    if (isCritical(pod)) return undefined
    const types: PressureType[] = []
    // Who asked for memory gets what it asked for; the others would be the first to be evicted.
    if (this.has('MemoryPressure') && pod.status?.qosClass === 'BestEffort') types.push('MemoryPressure')
    if (this.has('DiskPressure')) types.push('DiskPressure')
    if (types.length === 0) return undefined
    const message = `Pod was rejected: The node had condition: [${types.join(', ')}]. `
    return { reason: 'Evicted', message }
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options
    while (!signal.aborted) {
      let waitMs = LOOK_EVERY_MS
      try {
        if (await this.#look()) waitMs = LOOK_AGAIN_MS
        this.#hasFailed = false
      } catch (error) {
        if (isAborted(error)) return
        if (!this.#hasFailed) log.warn('memory and disk cannot be watched', { error: messageOf(error) })
        this.#hasFailed = true
      }
      await clock.sleep(waitMs, signal).catch(() => {})
    }
  }

  /** Returns whether a threshold is crossed. */
  async #look(): Promise<boolean> {
    const { pods } = this.#options
    this.#noteUses()
    await this.#keepLimits()
    let signals = await this.#measure()
    let breaches = this.#observe(signals)
    const wanted = bytesToFree(signals.imagefs)
    if (wanted > 0) await this.#removeImages(wanted)
    if (breaches.length > 0) {
      await pods.removeEnded()
      if (breaches.some(({ resource }) => resource !== 'memory'))
        await this.#removeImages(Number.POSITIVE_INFINITY)
      signals = await this.#measure()
      breaches = this.#observe(signals)
    }
    const [breach] = breaches
    if (breach !== undefined && !pods.isEvicting) await this.#evictOne(breach)
    return breach !== undefined
  }

  /** Evicts the pods that have written more than they say they will. */
  async #keepLimits(): Promise<void> {
    const { pods, clock, log } = this.#options
    const now = clock.now()
    if (Math.abs(now - this.#limitsCheckedAt) < LOOK_EVERY_MS) return
    this.#limitsCheckedAt = now
    const present = new Map(pods.present().map(one => [one.pod.metadata.uid, one.containers]))
    for (const pod of pods.living()) {
      const limits = limitsOf(pod)
      if ((!limits.emptyDirs && !limits.containers) || isCritical(pod)) continue
      const excess = storageExcess(pod, {
        emptyDirs: await this.#emptyDirs(pod),
        containers: limits.containers
          ? await this.#layers(present.get(pod.metadata.uid) ?? [])
          : new Map<string, number>(),
      })
      if (excess === undefined) continue
      log.warn('evicting a pod', { pod: podTitle(pod), excess })
      pods.evict(pod.metadata.uid, excess)
    }
  }

  async #emptyDirs({ metadata, spec }: AssignedPod): Promise<ReadonlyMap<string, number>> {
    const { dataDir, memoryDir = dataDir } = this.#options
    const used = new Map<string, number>()
    for (const { name, emptyDir } of spec.volumes ?? []) {
      if (emptyDir === undefined) continue
      const parent = emptyDir.medium === 'Memory' ? memoryDir : dataDir
      used.set(name, await folderBytes(join(parent, 'pods', metadata.uid, 'volumes', name)))
    }
    return used
  }

  async #layers(containers: readonly ContainerStatus[]): Promise<ReadonlyMap<string, number>> {
    const { room } = this.#options.runtime
    const used = new Map<string, number>()
    for (const { id, name, state } of containers)
      if (state === 'running') used.set(name, (await room?.layerBytes(id)) ?? 0)
    return used
  }

  #observe(signals: Signals): readonly Breach[] {
    const { clock, log, onChange } = this.#options
    const now = clock.now()
    const breaches = findBreaches(signals)
    this.#tracker.observe(breaches, now)
    const types = (['MemoryPressure', 'DiskPressure'] as const).filter(type => this.#tracker.has(type, now))
    if (types.join() !== this.#told) {
      this.#told = types.join()
      log.warn('pressure on this host has changed', {
        pressures: types,
        breaches: breaches.map(b => b.signal),
      })
      onChange()
    }
    return breaches
  }

  async #measure(): Promise<Signals> {
    const { runtime, dataDir, availableMemory = freemem } = this.#options
    this.#imageFolder ??= await runtime.room?.imageFolder().catch(() => undefined)
    const nodefs = await measureFileSystem(dataDir)
    // An engine whose files cannot be seen from here has no disk that could be watched.
    const imagefs =
      this.#imageFolder === undefined
        ? nodefs
        : await measureFileSystem(this.#imageFolder).catch(() => nodefs)
    return { memoryAvailableBytes: availableMemory(), nodefs, imagefs }
  }

  #noteUses(): void {
    const { pods, ledger } = this.#options
    for (const { pod, containers } of pods.present()) {
      const workload = workloadOf(pod)
      if (workload === undefined) continue
      for (const { name, imageId, createdAt } of containers)
        ledger.used({ workload: `${workload}/${name}`, imageId, usedAt: createdAt })
    }
  }

  /** Removes unused images until so many bytes are free again; those of the last revisions stay whatever happens. */
  async #removeImages(bytes: number): Promise<void> {
    const { runtime, ledger, clock, log } = this.#options
    const { room } = runtime
    if (room === undefined) return
    await ledger.loaded
    const [stored, inUse] = await Promise.all([room.listImages(), room.imagesInUse()])
    const own = ledger.ownOf(stored)
    const candidates = collectableImages(own, { uses: ledger.uses, inUse, now: clock.now() })
    let freed = 0
    for (const image of candidates) {
      if (freed >= bytes) return
      if (!(await room.removeImage(image.id))) continue
      ledger.forget(image.id)
      freed += image.bytes
      log.info('removed an unused image', { image: image.id, bytes: image.bytes })
    }
  }

  async #evictOne(breach: Breach): Promise<void> {
    const { pods, log } = this.#options
    const ranked = rankForEviction(await this.#usage(), breach.resource)
    const [victim] = ranked
    if (victim === undefined) return
    log.warn('evicting a pod', { pod: podTitle(victim.pod), signal: breach.signal })
    pods.evict(victim.pod.metadata.uid, evictionMessage(victim, breach))
  }

  async #usage(): Promise<readonly PodUsage[]> {
    const { runtime, pods, dataDir } = this.#options
    const byContainer = (await runtime.room?.usage()) ?? new Map()
    const present = new Map(pods.present().map(one => [one.pod.metadata.uid, one.containers]))
    return Promise.all(
      pods.living().map(async (pod): Promise<PodUsage> => {
        const containers = (present.get(pod.metadata.uid) ?? []).map(({ id, name }) => ({
          name,
          memoryBytes: byContainer.get(id)?.memoryBytes ?? 0,
          diskBytes: byContainer.get(id)?.diskBytes ?? 0,
        }))
        return {
          pod,
          memoryBytes: sum(containers.map(({ memoryBytes }) => memoryBytes)),
          diskBytes:
            sum(containers.map(({ diskBytes }) => diskBytes)) +
            (await folderBytes(join(dataDir, 'pods', pod.metadata.uid))),
          containers,
        }
      }),
    )
  }
}

async function measureFileSystem(folder: string): Promise<FileSystem> {
  const { bavail, blocks, bsize, ffree, files } = await statfs(folder)
  return { availableBytes: bavail * bsize, capacityBytes: blocks * bsize, inodesFree: ffree, inodes: files }
}

/** What the files below a folder take on disk; links are not followed, and what goes meanwhile counts nothing. */
async function folderBytes(folder: string): Promise<number> {
  let total = 0
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) total += await folderBytes(path)
    else if (entry.isFile()) total += ((await stat(path).catch(() => undefined))?.blocks ?? 0) * 512
  }
  return total
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
