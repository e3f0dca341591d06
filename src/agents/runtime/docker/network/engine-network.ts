import { BowlineError, type Clock, hasCode, type Logger } from '../../../../base/index.ts'
import type { Engine } from '../engine/engine.ts'
import { statusOf } from '../engine/engine-error.ts'
import { Labels, labelFilter, networkName, type Owner } from '../names.ts'
import { holdingLock } from './engine-lock.ts'

/**
 * The engine's network that the pods of all nodes of a cluster share on one engine, where the agent may not change the host's: pods
 * reach each other and the outside through its bridge, the host reaches pods by address, no other host does.
 */
export interface EngineNetwork {
  readonly id: string
}

/** Finds the cluster's network or makes it. Agents that start at the same time take turns. */
export async function ensureEngineNetwork(
  engine: Engine,
  owner: Owner,
  clock: Clock,
  log: Logger,
): Promise<EngineNetwork> {
  const found = await findNetwork(engine, owner)
  if (found !== undefined) return found
  return await holdingLock(engine, owner.clusterUid, clock, async () => {
    const made = await findNetwork(engine, owner)
    if (made !== undefined) return made
    const name = networkName(owner.clusterUid)
    const { Id } = await engine.call<{ Id: string }>({
      method: 'POST',
      path: '/networks/create',
      body: {
        Name: name,
        Labels: { [Labels.cluster]: owner.clusterUid },
        Driver: 'bridge',
        CheckDuplicate: true,
      },
      action: `create the network ${name}`,
    })
    log.info('created the pod network', { network: name, id: Id })
    const network = await findNetwork(engine, owner)
    if (network !== undefined) return network
    throw new BowlineError('unavailable', `Cannot use the network ${name}: it is gone`, { retryable: true })
  })
}

/** Removes the cluster's network when nothing is attached to it any more; otherwise leaves it. */
export async function removeEngineNetwork(engine: Engine, owner: Owner): Promise<void> {
  const network = await findNetwork(engine, owner)
  if (network === undefined) return
  await engine
    .call({
      method: 'DELETE',
      path: `/networks/${network.id}`,
      action: `remove the network ${networkName(owner.clusterUid)}`,
    })
    .catch((error: unknown) => {
      // Other nodes of the cluster still use it (403), or it is gone (404).
      if (statusOf(error) !== 403 && !hasCode(error, 'not-found')) throw error
    })
}

async function findNetwork(engine: Engine, owner: Owner): Promise<EngineNetwork | undefined> {
  const [network] = await engine.call<readonly { readonly Id: string }[]>({
    method: 'GET',
    path: '/networks',
    query: { filters: labelFilter({ [Labels.cluster]: owner.clusterUid }) },
    action: 'list networks',
  })
  return network && { id: network.Id }
}
