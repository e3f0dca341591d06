import type { Narrator } from './narrator.ts'
import { startTraffic, type TrafficReport } from './traffic.ts'
import type { World } from './world.ts'

/**
 * Does something while requests go to the pods that are ready, and claims that none of them fails. With `wanted`, also claims that
 * never fewer pods are ready, neither counted one by one nor by the Deployment's own status.
 */
export async function underLoad(
  { world, narrator }: { readonly world: World; readonly narrator: Narrator },
  wanted: number | undefined,
  action: () => Promise<void>,
): Promise<TrafficReport> {
  let fewest = Number.POSITIVE_INFINITY
  const unsubscribe = world.onChange(() => {
    fewest = Math.min(fewest, world.readyPods().length, world.deployment()?.status?.readyReplicas ?? 0)
  })
  const traffic = startTraffic(() => world.readyPods().map(({ status }) => status?.podIP ?? ''))
  const report = await action()
    .catch(async error => {
      await traffic.stop()
      throw error
    })
    .then(() => traffic.stop())
    .finally(unsubscribe)
  if (wanted !== undefined)
    narrator.claim(fewest >= wanted, `never fewer than ${wanted} ready replicas (the fewest: ${fewest})`)
  const { requests, failures } = report
  const [first] = failures
  narrator.claim(
    requests > 0 && failures.length === 0,
    `${requests} requests to the pods’ addresses, ${failures.length} failed${first === undefined ? '' : ` (${first})`}`,
  )
  return report
}
