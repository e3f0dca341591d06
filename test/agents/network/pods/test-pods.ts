import { openRoutedPods, type RoutedPods } from '../../../../src/agents/network/index.ts'
import { silentLogger, systemClock, systemIds } from '../../../../src/base/index.ts'
import { runOk } from '../../../e2e/support/program.ts'
import type { TestEngine } from '../../../support/dockerd.ts'

/**
 * Routed pods on this machine, with addresses from what the private engine may use and does not. Docker's firewall lets them through, as
 * the agent's routing of services sees to it. The caller purges them.
 */
export async function openTestPods(
  engine: TestEngine,
  owner: { readonly clusterUid: string; readonly nodeName: string },
): Promise<RoutedPods> {
  const pods = await openRoutedPods({ ...owner, clock: systemClock, ids: systemIds, log: silentLogger })
  if (pods === undefined) throw new Error('this process may not make interfaces')
  const range = engine.takeRange()
  await pods.setRange(range)
  for (const rule of acceptsOf(range)) await runOk('iptables', ['-w', '-I', ...rule])
  const purge = pods.purge.bind(pods)
  return Object.assign(pods, {
    async purge() {
      await purge()
      await pods.close()
      for (const rule of acceptsOf(range)) await runOk('iptables', ['-w', '-D', ...rule])
    },
  })
}

function acceptsOf(range: string): readonly (readonly string[])[] {
  return ['-s', '-d'].map(side => ['FORWARD', side, range, '-j', 'ACCEPT'])
}
