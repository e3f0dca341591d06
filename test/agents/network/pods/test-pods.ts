import { openRoutedPods, type RoutedPods } from '../../../../src/agents/network/index.ts'
import { silentLogger, systemClock } from '../../../../src/base/index.ts'
import type { TestEngine } from '../../../support/dockerd.ts'

/** Routed pods on this machine, with addresses from what the private engine may use and does not. The caller purges them. */
export async function openTestPods(
  engine: TestEngine,
  owner: { readonly clusterUid: string; readonly nodeName: string },
): Promise<RoutedPods> {
  const pods = await openRoutedPods({ ...owner, clock: systemClock, log: silentLogger })
  if (pods === undefined) throw new Error('this process may not make interfaces')
  await pods.setRange(engine.takeRange())
  return pods
}
