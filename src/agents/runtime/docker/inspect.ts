import { hasCode, Limit } from '../../../base/index.ts'
import type { Engine } from './engine/engine.ts'
import { type ContainerType, isOwnedBy, Labels, labelFilter, type Owner } from './names.ts'

/** The part of the engine's answer about one container that is read here. */
export interface ContainerInspect {
  readonly Id: string
  /** RFC 3339. */
  readonly Created: string
  /** The image's id. */
  readonly Image: string
  readonly State: {
    readonly Status: string
    readonly Running: boolean
    readonly Pid: number
    readonly OOMKilled: boolean
    readonly ExitCode: number
    /** What the engine says about a start that failed. */
    readonly Error: string
    /** RFC 3339; the year 1 while it has not happened. */
    readonly StartedAt: string
    readonly FinishedAt: string
  }
  readonly Config: {
    readonly Image: string
    readonly Hostname: string
    readonly Tty: boolean
    readonly Labels: Readonly<Record<string, string>>
  }
  readonly HostConfig: { readonly OomScoreAdj: number }
  readonly NetworkSettings: {
    readonly Networks: Readonly<Record<string, { readonly IPAddress: string; readonly NetworkID: string }>>
  }
  /** The engine is busy starting it, and tells only what its list knows: of its configuration the image and the labels. */
  readonly isListedOnly?: true
}

/** The part of an item of the engine's list that is read here. */
interface ListedContainer {
  readonly Id: string
  readonly Image: string
  readonly ImageID: string
  /** Seconds since the epoch. */
  readonly Created: number
  readonly State: string
  readonly Labels: Readonly<Record<string, string>>
}

/** Inspecting takes the engine 0.3 ms; eight at once list a hundred containers in 13 ms. */
const INSPECTIONS_AT_ONCE = 8

/**
 * The engine tells nothing of a container while it starts it, and mounts its volumes meanwhile: a share whose server does not answer
 * takes minutes (seen: three). Such a container must not hide the others.
 */
const PATIENCE_WHILE_STARTING_MS = 5_000

/** By id or name; undefined when it does not exist or is not this owner's. */
export async function inspectOwned(
  engine: Engine,
  owner: Owner,
  idOrName: string,
  timeoutMs?: number,
): Promise<ContainerInspect | undefined> {
  try {
    const found = await engine.call<ContainerInspect>({
      method: 'GET',
      path: `/containers/${encodeURIComponent(idOrName)}/json`,
      action: `inspect the container ${shortId(idOrName)}`,
      ...(timeoutMs !== undefined && { timeoutMs }),
    })
    return isOwnedBy(owner, found.Config.Labels ?? {}) ? found : undefined
  } catch (error) {
    if (hasCode(error, 'not-found')) return undefined
    throw error
  }
}

/** Everything of this owner and type, whatever its state, as the engine knows it: exactly, but for what it is busy starting. */
export async function inspectAll(
  engine: Engine,
  owner: Owner,
  type: ContainerType,
  signal?: AbortSignal,
): Promise<readonly ContainerInspect[]> {
  const items = await list(engine, { ...labelsOf(owner), [Labels.type]: type }, signal)
  const limit = new Limit(INSPECTIONS_AT_ONCE)
  const found = await Promise.all(items.map(item => limit.run(() => inspectListed(engine, owner, item))))
  return found.filter(item => item !== undefined)
}

async function inspectListed(
  engine: Engine,
  owner: Owner,
  item: ListedContainer,
): Promise<ContainerInspect | undefined> {
  if (item.State !== 'created') return inspectOwned(engine, owner, item.Id)
  try {
    return await inspectOwned(engine, owner, item.Id, PATIENCE_WHILE_STARTING_MS)
  } catch (error) {
    if (hasCode(error, 'unavailable')) return asListed(item)
    throw error
  }
}

function asListed({ Id, Image, ImageID, Created, State, Labels }: ListedContainer): ContainerInspect {
  const state = { Status: State, Running: false, Pid: 0, OOMKilled: false, ExitCode: 0, Error: '' }
  return {
    Id,
    Created: new Date(Created * 1_000).toISOString(),
    Image: ImageID,
    State: { ...state, StartedAt: '', FinishedAt: '' },
    Config: { Image, Hostname: '', Tty: false, Labels },
    HostConfig: { OomScoreAdj: 0 },
    NetworkSettings: { Networks: {} },
    isListedOnly: true,
  }
}

/** The ids of all containers, running or not, with these labels. */
export async function listIds(
  engine: Engine,
  labels: Readonly<Record<string, string>>,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  return (await list(engine, labels, signal)).map(item => item.Id)
}

function list(
  engine: Engine,
  labels: Readonly<Record<string, string>>,
  signal: AbortSignal | undefined,
): Promise<readonly ListedContainer[]> {
  return engine.call({
    method: 'GET',
    path: '/containers/json',
    query: { all: true, filters: labelFilter(labels) },
    action: 'list containers',
    ...(signal && { signal }),
  })
}

export function labelsOf(owner: Owner): Record<string, string> {
  return { [Labels.cluster]: owner.clusterUid, [Labels.node]: owner.nodeName }
}

export function shortId(idOrName: string): string {
  return /^[0-9a-f]{64}$/.test(idOrName) ? idOrName.slice(0, 12) : idOrName
}

/** Removes a container with its log and its anonymous volumes, running or not; gone already is fine. */
export async function removeContainer(engine: Engine, id: string): Promise<void> {
  const action = `remove the container ${id.slice(0, 12)}`
  try {
    await engine.call({
      method: 'DELETE',
      path: `/containers/${id}`,
      query: { force: true, v: true },
      action,
      timeoutMs: 60_000,
    })
  } catch (error) {
    if (hasCode(error, 'not-found')) return
    if (!hasCode(error, 'conflict')) throw error
    // Somebody else is removing it right now.
    await engine
      .call({ method: 'POST', path: `/containers/${id}/wait`, query: { condition: 'removed' }, action })
      .catch((waiting: unknown) => {
        if (!hasCode(waiting, 'not-found')) throw waiting
      })
  }
}
