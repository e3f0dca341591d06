import { type Logger, messageOf } from '../../base/index.ts'
import { removeLinks } from './links/index.ts'
import type { RoutedPods } from './pods/index.ts'
import { removeRouting } from './routing.ts'

/** Takes back everything that was made for a node on its host, but for the interfaces of pods, which end with their sandboxes. */
export async function removeNetwork({
  pods,
  log,
  ...owner
}: {
  readonly pods: RoutedPods
  readonly clusterUid: string
  readonly nodeName: string
  readonly log: Logger
}): Promise<void> {
  const parts = [() => removeRouting(owner), () => removeLinks(owner), () => pods.purge()]
  // One part that cannot be removed keeps none of the others.
  for (const remove of parts)
    await remove().catch((error: unknown) =>
      log.warn('something of the network could not be removed', { error: messageOf(error) }),
    )
}
