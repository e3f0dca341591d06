import { readFile } from 'node:fs/promises'
import { openRoutedPods, removeNetwork } from '../../src/agents/network/index.ts'
import { silentLogger, systemClock, systemIds } from '../../src/base/index.ts'
import { loadKubeconfig } from '../../src/client/index.ts'
import { fingerprint } from '../../src/pki/index.ts'

/**
 * Takes back what agents made on this machine's network. They leave it when they end, for their pods go on; a test's pods do not.
 */
export async function removeHostNetwork(kubeconfig: string, nodeNames: Iterable<string>): Promise<void> {
  const text = await readFile(kubeconfig, 'utf8').catch(() => undefined)
  const authority = text === undefined ? undefined : loadKubeconfig(text).ca
  if (authority === undefined) return
  for (const nodeName of nodeNames) {
    const owner = { clusterUid: fingerprint(authority).slice(0, 32), nodeName }
    const parts = { ...owner, clock: systemClock, ids: systemIds, log: silentLogger }
    const pods = await openRoutedPods(parts)
    if (pods !== undefined) await removeNetwork({ ...parts, pods })
  }
}
