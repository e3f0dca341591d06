import { hasCode } from '../../../../base/index.ts'
import type { Engine } from '../engine/engine.ts'
import { PAUSE_IMAGE } from '../images/pause-image.ts'
import { type ContainerInspect, inspectOwned, removeContainer } from '../inspect.ts'
import { anchorName, type Owner, ownerLabels } from '../names.ts'
import { pauseHostConfig } from '../sandbox-spec.ts'
import type { PodNetwork } from './pod-network.ts'

/** What the anchor's start showed about the engine. */
export interface Anchor {
  /** False for an engine without the right to protect processes from the kernel's out-of-memory killer (rootless ones). */
  readonly lowersOomScore: boolean
}

/** cri-dockerd's score for sandboxes. */
const PROTECTED = -998

/**
 * Keeps one container of the node attached to the pod network: `docker network prune` removes networks that no container
 * is attached to, and the pods that the agent wires itself are unknown to the engine's networks. Its start is also the
 * test of whether the engine may lower the score of a process; where it may not, such a container would never start.
 */
export async function ensureAnchor(engine: Engine, owner: Owner, network: PodNetwork): Promise<Anchor> {
  const existing = await inspectOwned(engine, owner, anchorName(owner))
  if (existing?.State.Running && isAttachedTo(existing, network))
    return { lowersOomScore: existing.HostConfig.OomScoreAdj < 0 }
  if (existing !== undefined) await removeContainer(engine, existing.Id)
  try {
    await startAnchor(engine, owner, network, PROTECTED)
    return { lowersOomScore: true }
  } catch (error) {
    if (!hasCode(error, 'internal') && !hasCode(error, 'bad-config')) throw error
    await removeContainer(engine, anchorName(owner))
    await startAnchor(engine, owner, network, 0)
    return { lowersOomScore: false }
  }
}

async function startAnchor(engine: Engine, owner: Owner, network: PodNetwork, score: number): Promise<void> {
  const name = anchorName(owner)
  try {
    await engine.call({
      method: 'POST',
      path: '/containers/create',
      query: { name },
      body: {
        Image: PAUSE_IMAGE,
        Labels: ownerLabels(owner, 'anchor'),
        HostConfig: { ...pauseHostConfig(), OomScoreAdj: score, NetworkMode: network.id },
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
}

function isAttachedTo(anchor: ContainerInspect, network: PodNetwork): boolean {
  return Object.values(anchor.NetworkSettings.Networks).some(({ NetworkID }) => NetworkID === network.id)
}
