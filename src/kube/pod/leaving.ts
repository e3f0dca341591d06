import type { Pod } from '../generated/types.ts'

/**
 * The annotation of a pod whose host is being drained: its ReplicaSet makes another one first, and deletes this one when as many as
 * wanted are available without it. Taking the annotation away takes it back.
 */
export const LEAVING_ANNOTATION = 'bowline.dev/leaving'

export function isLeaving({ metadata }: Pod): boolean {
  return metadata.annotations?.[LEAVING_ANNOTATION] === 'true'
}
