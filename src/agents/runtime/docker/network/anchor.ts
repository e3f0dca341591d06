import { BowlineError, hasCode } from '../../../../base/index.ts'
import type { Engine } from '../engine/engine.ts'
import { type ContainerInspect, inspectOwned, removeContainer } from '../inspect.ts'
import { anchorName, type Owner, ownerLabels } from '../names.ts'
import { pauseHostConfig } from '../sandbox-spec.ts'
import type { EngineNetwork } from './engine-network.ts'
import { isProcessOf } from './namespace.ts'

/** What the anchor's start showed about the engine. */
export interface Anchor {
  /** False for an engine without the right to protect processes from the kernel's out-of-memory killer (rootless ones). */
  readonly lowersOomScore: boolean
  /** Whether the engine's containers are processes of this host. */
  readonly isHere: boolean
}

export interface AnchorMeans {
  /** The id of the sandbox image. */
  readonly image: string
  /** What it is attached to; undefined: nothing. */
  readonly network: EngineNetwork | undefined
}

/** cri-dockerd's score for sandboxes. */
const PROTECTED = -998

/**
 * Keeps one container of the node running, attached to the engine's network of pods where they use one: what nothing runs of or is
 * attached to, `docker image prune` and `docker network prune` remove. Its start is also the test of whether the engine may lower
 * the score of a process (where it may not, such a container would never start), and its process shows whether the engine is here.
 */
export async function ensureAnchor(
  engine: Engine,
  owner: Owner,
  { image, network }: AnchorMeans,
): Promise<Anchor> {
  const existing = await inspectOwned(engine, owner, anchorName(owner))
  if (existing?.State.Running && existing.Image === image && isAttachedTo(existing, network))
    return anchorOf(existing)
  if (existing !== undefined) await removeContainer(engine, existing.Id)
  try {
    return anchorOf(await startAnchor(engine, owner, { image, network }, PROTECTED))
  } catch (error) {
    if (!hasCode(error, 'internal') && !hasCode(error, 'bad-config')) throw error
    await removeContainer(engine, anchorName(owner))
    return anchorOf(await startAnchor(engine, owner, { image, network }, 0))
  }
}

async function startAnchor(
  engine: Engine,
  owner: Owner,
  { image, network }: AnchorMeans,
  score: number,
): Promise<ContainerInspect> {
  const name = anchorName(owner)
  try {
    await engine.call({
      method: 'POST',
      path: '/containers/create',
      query: { name },
      body: {
        Image: image,
        Labels: ownerLabels(owner, 'anchor'),
        HostConfig: { ...pauseHostConfig(), OomScoreAdj: score, NetworkMode: network?.id ?? 'none' },
      },
      action: `create the container ${name}`,
    })
  } catch (error) {
    // Made by a call that ran at the same time.
    if (!hasCode(error, 'conflict')) throw error
  }
  await engine.call({
    method: 'POST',
    path: `/containers/${name}/start`,
    action: `start the container ${name}`,
  })
  const started = await inspectOwned(engine, owner, name)
  if (started !== undefined) return started
  throw new BowlineError('unavailable', `Cannot use the container ${name}: somebody removed it`, {
    retryable: true,
  })
}

async function anchorOf({ Id, HostConfig, State }: ContainerInspect): Promise<Anchor> {
  return { lowersOomScore: HostConfig.OomScoreAdj < 0, isHere: await isProcessOf(State.Pid, Id) }
}

/** Without a network, to the engine's own of that name. */
function isAttachedTo(anchor: ContainerInspect, network: EngineNetwork | undefined): boolean {
  const attached = Object.entries(anchor.NetworkSettings.Networks)
  return attached.some(([name, { NetworkID }]) =>
    network === undefined ? name === 'none' : NetworkID === network.id,
  )
}
