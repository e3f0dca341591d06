import type { KeptLog } from '../../kept/kept-log.ts'
import type { AssignedPod } from '../../pods/assigned-pod.ts'
import type { ImageUse, PulledImage } from './image-collection.ts'

type Entry =
  | { readonly type: 'pulled'; readonly id: string; readonly at: number }
  | ({ readonly type: 'used' } & ImageUse)

/** Uses kept per workload's container; more revisions than any rollback goes back. */
const MAX_USES = 40

/**
 * What this agent pulled, and what workloads ran with: on disk too, since an image that nobody remembers pulling is never removed,
 * and one that nobody remembers using would be missed by a rollback.
 */
export class ImageLedger {
  readonly #log: KeptLog
  readonly #pulled = new Map<string, number>()
  /** By workload, then by image. */
  readonly #uses = new Map<string, Map<string, number>>()
  /** Resolves when what an earlier agent knew is here: before that nothing may be removed. */
  readonly loaded: Promise<void>

  constructor(log: KeptLog) {
    this.#log = log
    this.loaded = this.#load()
  }

  /** An image was not here and was pulled for a pod. */
  pulled(id: string, at: number): void {
    this.#pulled.set(id, at)
    this.#log.set(`pulled/${id}`, String(at), { type: 'pulled', id, at } satisfies Entry)
  }

  /** A container of a workload began to use an image. */
  used(use: ImageUse): void {
    const known = this.#uses.get(use.workload)?.get(use.imageId)
    if (known !== undefined && known >= use.usedAt) return
    this.#remember(use)
    this.#log.set(keyOf(use), String(use.usedAt), { type: 'used', ...use } satisfies Entry)
    const all = this.#uses.get(use.workload)
    if (all === undefined || all.size <= MAX_USES) return
    const [oldest] = [...all].sort(([, a], [, b]) => a - b)
    if (oldest === undefined) return
    all.delete(oldest[0])
    this.#log.remove(keyOf({ workload: use.workload, imageId: oldest[0] }))
  }

  /** The engine does not have it any more. */
  forget(id: string): void {
    this.#pulled.delete(id)
    this.#log.remove(`pulled/${id}`)
  }

  get uses(): readonly ImageUse[] {
    return [...this.#uses].flatMap(([workload, all]) =>
      [...all].map(([imageId, usedAt]) => ({ workload, imageId, usedAt })),
    )
  }

  /** Of these images those that this agent pulled. */
  ownOf(images: readonly { readonly id: string; readonly bytes: number }[]): readonly PulledImage[] {
    const usedAt = new Map<string, number>()
    for (const use of this.uses) usedAt.set(use.imageId, Math.max(usedAt.get(use.imageId) ?? 0, use.usedAt))
    return images.flatMap(({ id, bytes }) => {
      const pulledAt = this.#pulled.get(id)
      return pulledAt === undefined ? [] : [{ id, bytes, pulledAt, usedAt: usedAt.get(id) ?? pulledAt }]
    })
  }

  close(): Promise<void> {
    return this.#log.close()
  }

  async #load(): Promise<void> {
    for (const value of (await this.#log.load()).values()) {
      const entry = value as Entry
      if (entry.type === 'used') this.#remember(entry)
      else if (!this.#pulled.has(entry.id)) this.#pulled.set(entry.id, entry.at)
    }
  }

  #remember({ workload, imageId, usedAt }: ImageUse): void {
    let all = this.#uses.get(workload)
    if (all === undefined) {
      all = new Map()
      this.#uses.set(workload, all)
    }
    all.set(imageId, Math.max(all.get(imageId) ?? 0, usedAt))
  }
}

function keyOf({ workload, imageId }: Pick<ImageUse, 'workload' | 'imageId'>): string {
  return `used/${workload}/${imageId}`
}

/** Whose revisions share a history: a Deployment by the name of its ReplicaSets without the hash; undefined for a pod of nobody. */
export function workloadOf({ metadata }: AssignedPod): string | undefined {
  const owner = metadata.ownerReferences?.find(({ controller }) => controller === true)
  if (owner === undefined) return undefined
  const hash = metadata.labels?.['pod-template-hash']
  const name =
    hash !== undefined && owner.name.endsWith(`-${hash}`) ? owner.name.slice(0, -hash.length - 1) : owner.name
  return `${metadata.namespace}/${owner.kind}/${name}`
}
