/** An image that this agent pulled, as it remembers it. */
export interface PulledImage {
  readonly id: string
  readonly bytes: number
  /** When it came, and when a pod last began to use it; milliseconds since the epoch. */
  readonly pulledAt: number
  readonly usedAt: number
}

/** Which image a workload used, and when it last began to. */
export interface ImageUse {
  /** `namespace/kind/name/container`. */
  readonly workload: string
  readonly imageId: string
  readonly usedAt: number
}

/** Deployments keep ten earlier revisions (`revisionHistoryLimit`), and have one. */
const KEPT_REVISIONS = 11
/** A workload that has had no pod here for so long is not rolled back on this host. */
const FORGOTTEN_MS = 30 * 24 * 60 * 60_000
/** kubelet's `imageMinimumGCAge`: an image that was pulled for a pod is not taken from under it. */
const MIN_AGE_MS = 2 * 60_000

/**
 * The images that may be removed, the one unused longest first: pulled by this agent, in no container of anybody, and not what
 * one of the last revisions of a workload ran here, which a rollback would need again. Pure.
 */
export function collectableImages(
  images: readonly PulledImage[],
  { uses, inUse, now }: { uses: readonly ImageUse[]; inUse: ReadonlySet<string>; now: number },
): readonly PulledImage[] {
  const wanted = neededForRollback(uses, now)
  return images
    .filter(({ id, pulledAt }) => !inUse.has(id) && !wanted.has(id) && now - pulledAt >= MIN_AGE_MS)
    .toSorted((a, b) => a.usedAt - b.usedAt)
}

/** The images of the last revisions of every workload that was here lately. */
export function neededForRollback(uses: readonly ImageUse[], now: number): ReadonlySet<string> {
  const byWorkload = new Map<string, ImageUse[]>()
  for (const use of uses) {
    const known = byWorkload.get(use.workload)
    if (known === undefined) byWorkload.set(use.workload, [use])
    else known.push(use)
  }
  const needed = new Set<string>()
  for (const all of byWorkload.values()) {
    const newest = all.toSorted((a, b) => b.usedAt - a.usedAt)
    if (now - (newest[0]?.usedAt ?? 0) > FORGOTTEN_MS) continue
    for (const { imageId } of newest.slice(0, KEPT_REVISIONS)) needed.add(imageId)
  }
  return needed
}

/** Images begin to go when so much of the disk is used, and go until so much is. */
const HIGH_SHARE = 0.8
const LOW_SHARE = 0.75

/** How many bytes of images should go; 0 while the disk is not full enough. */
export function bytesToFree({
  availableBytes,
  capacityBytes,
}: {
  readonly availableBytes: number
  readonly capacityBytes: number
}): number {
  if (capacityBytes === 0 || 1 - availableBytes / capacityBytes < HIGH_SHARE) return 0
  return Math.ceil(capacityBytes * (1 - LOW_SHARE) - availableBytes)
}
