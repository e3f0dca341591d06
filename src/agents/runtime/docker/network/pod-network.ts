import {
  BowlineError,
  type Clock,
  formatSubnet,
  hasCode,
  type Logger,
  parseSubnet,
  type Subnet,
  sizeOf,
} from '../../../../base/index.ts'
import type { Engine } from '../engine/engine.ts'
import { statusOf } from '../engine/engine-error.ts'
import { Labels, labelFilter, networkName, type Owner, probeNetworkName } from '../names.ts'
import { holdingLock } from './engine-lock.ts'

/**
 * The bridge network that the pods of all nodes of a cluster share on one engine: pods reach each other and the outside
 * through it, the host reaches pods by address, and the engine keeps the firewall rules that this takes.
 */
export interface PodNetwork {
  readonly id: string
  /** The host's interface of the bridge. */
  readonly bridge: string
  readonly gateway: string
  readonly subnet: Subnet
  /** Where the engine takes addresses from; agents take theirs from the rest of the subnet. */
  readonly engineRange: Subnet
}

/** Finds the cluster's network or makes it. Agents that start at the same time take turns. */
export async function ensurePodNetwork(
  engine: Engine,
  owner: Owner,
  clock: Clock,
  log: Logger,
): Promise<PodNetwork> {
  const found = await findNetwork(engine, owner)
  if (found !== undefined) return found
  return await holdingLock(engine, owner.clusterUid, clock, async () => {
    const made = await findNetwork(engine, owner)
    if (made !== undefined) return made
    const id = await createNetwork(engine, owner, await findFreeSubnet(engine, owner))
    log.info('created the pod network', { network: networkName(owner.clusterUid), id })
    const network = await findNetwork(engine, owner)
    if (network !== undefined) return network
    throw new BowlineError(
      'unavailable',
      `Cannot use the network ${networkName(owner.clusterUid)}: it is gone`,
      {
        retryable: true,
      },
    )
  })
}

/** Removes the cluster's network when nothing is attached to it any more; otherwise leaves it. */
export async function removePodNetwork(engine: Engine, owner: Owner): Promise<void> {
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

interface NetworkAnswer {
  readonly Id: string
  readonly IPAM: {
    readonly Config?:
      | readonly { readonly Subnet?: string; readonly IPRange?: string; readonly Gateway?: string }[]
      | null
  }
}

async function findNetwork(engine: Engine, owner: Owner): Promise<PodNetwork | undefined> {
  const networks = await engine.call<readonly NetworkAnswer[]>({
    method: 'GET',
    path: '/networks',
    query: { filters: labelFilter({ [Labels.cluster]: owner.clusterUid }) },
    action: 'list networks',
  })
  const [network] = networks
  return network && networkFrom(network)
}

function networkFrom(answer: NetworkAnswer): PodNetwork {
  const [config] = answer.IPAM.Config ?? []
  const subnet = parseSubnet(config?.Subnet ?? '')
  const engineRange = parseSubnet(config?.IPRange ?? '')
  const gateway = config?.Gateway?.split('/')[0]
  if (subnet === undefined || engineRange === undefined || gateway === undefined)
    throw new BowlineError(
      'corrupt',
      `Cannot use the network ${answer.Id}: it carries Bowline's label but not its address ranges`,
    )
  return { id: answer.Id, bridge: `br-${answer.Id.slice(0, 12)}`, gateway, subnet, engineRange }
}

/**
 * Asks the engine for a subnet that nothing on this host uses, by letting it choose one for a network that is removed
 * again: only a network with a subnet of its own making may also say which part of it the engine hands out.
 */
async function findFreeSubnet(engine: Engine, owner: Owner): Promise<{ subnet: Subnet; gateway: string }> {
  const name = probeNetworkName(owner)
  await createBridge(engine, { Name: name }).catch((error: unknown) => {
    // Left behind by an agent that was killed right here; as good as a new one.
    if (!hasCode(error, 'conflict')) throw error
  })
  try {
    const answer = await engine.call<NetworkAnswer>({
      method: 'GET',
      path: `/networks/${name}`,
      action: `inspect the network ${name}`,
    })
    const config = answer.IPAM.Config?.find(item => parseSubnet(item.Subnet ?? '') !== undefined)
    const subnet = parseSubnet(config?.Subnet ?? '')
    const gateway = config?.Gateway?.split('/')[0]
    if (subnet === undefined || gateway === undefined || sizeOf(subnet) < 32)
      throw new BowlineError(
        'unsupported',
        `Cannot make the pod network: the engine gives no IPv4 subnet of 32 addresses or more`,
      )
    return { subnet, gateway }
  } finally {
    await engine
      .call({ method: 'DELETE', path: `/networks/${name}`, action: `remove the network ${name}` })
      .catch(() => undefined)
  }
}

async function createNetwork(
  engine: Engine,
  owner: Owner,
  { subnet, gateway }: { subnet: Subnet; gateway: string },
): Promise<string> {
  const engineRange = { base: subnet.base, prefix: subnet.prefix + 2 }
  const { Id } = await createBridge(engine, {
    Name: networkName(owner.clusterUid),
    Labels: { [Labels.cluster]: owner.clusterUid },
    IPAM: {
      Config: [{ Subnet: formatSubnet(subnet), IPRange: formatSubnet(engineRange), Gateway: gateway }],
    },
  })
  return Id
}

function createBridge(
  engine: Engine,
  network: { Name: string; Labels?: object; IPAM?: object },
): Promise<{ Id: string }> {
  return engine.call<{ Id: string }>({
    method: 'POST',
    path: '/networks/create',
    body: { ...network, Driver: 'bridge', CheckDuplicate: true },
    action: `create the network ${network.Name}`,
  })
}
