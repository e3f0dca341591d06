import type { Clock } from '../../base/index.ts'
import type { Client } from '../../client/index.ts'
import {
  type Deployment,
  isNotFound,
  Kinds,
  LEAVING_ANNOTATION,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type Pod,
  type ReplicaSet,
} from '../../kube/index.ts'
import { EXIT } from '../exit-code.ts'
import { printable } from '../printable.ts'
import type { Terminal } from '../terminal.ts'
import { cordon } from './cordon.ts'
import { type DrainStep, keepsItsOwnAway, type PodFacts, planDrain, workloadOf } from './drain-plan.ts'
import { isOver } from './host-summary.ts'

export interface DrainOptions {
  readonly client: Client
  readonly terminal: Terminal
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly name: string
  readonly timeoutMs: number
  /** Deletes pods that nothing would replace, or whose data lies on the host, too. */
  readonly force: boolean
}

const LOOK_EVERY_MS = 500

/**
 * Empties a host: nothing new comes to it, and its pods go, one at a time of each workload. A pod of a Deployment goes when its
 * replacement is ready, so that it never has fewer than it wants; others end first. 0 when it is empty, 1 when only pods are left
 * that must stay, 124 when the time is over. What was begun goes on without this command.
 */
export async function drainHost(options: DrainOptions): Promise<number> {
  const { client, terminal, clock, signal, name, timeoutMs } = options
  await cordon(client, name, true)
  terminal.print(`host ${name} takes no new pods`)
  const deadline = clock.now() + timeoutMs
  const told = new Map<string, string>()
  let before = new Map<string, Pod>()
  for (;;) {
    const world = await readWorld(client, name)
    const steps = planDrain(world.facts, { unready: world.unready, force: options.force })
    const present = new Map(steps.map(({ pod }) => [pod.metadata.uid ?? '', pod]))
    for (const [uid, pod] of before) if (!present.has(uid)) terminal.print(`${title(pod)} is gone`)
    before = present
    for (const step of steps) {
      await carryOut(client, step)
      const line = describe(step)
      if (told.get(step.pod.metadata.uid ?? '') !== line) terminal.print(line)
      told.set(step.pod.metadata.uid ?? '', line)
    }
    if (steps.length === 0) {
      terminal.print(`host ${name} is empty`)
      return EXIT.ok
    }
    if (steps.every(({ type }) => type === 'stay')) {
      terminal.print(`host ${name} is not empty: ${steps.length} pods stay`)
      return EXIT.failed
    }
    if (clock.now() >= deadline) {
      terminal.print(`host ${name} is not empty after ${timeoutMs / 1000} s: ${steps.length} pods are left`)
      return EXIT.deadline
    }
    await clock.sleep(LOOK_EVERY_MS, signal)
  }
}

async function carryOut(client: Client, step: DrainStep): Promise<void> {
  const { name = '', namespace = '', uid = '' } = step.pod.metadata
  try {
    if (step.type === 'replace')
      await client.patch(
        Kinds.Pod,
        name,
        {
          type: 'merge',
          body: { metadata: { uid, annotations: { [LEAVING_ANNOTATION]: 'true' } } },
        },
        { namespace },
      )
    if (step.type === 'delete') await client.delete(Kinds.Pod, name, { namespace, preconditions: { uid } })
  } catch (error) {
    // It went by itself.
    if (!isNotFound(error)) throw error
  }
}

function describe(step: DrainStep): string {
  const subject = title(step.pod)
  switch (step.type) {
    case 'replace':
      return `${subject} is replaced elsewhere`
    case 'delete':
      return `${subject} ends`
    case 'wait':
      return `${subject} waits: ${step.why}`
    case 'stay':
      return `${subject} stays: ${step.why}`
  }
}

function title(pod: Pod): string {
  const { namespace, name } = printable(pod.metadata)
  return `  ${namespace}/${name}`
}

/** What a plan needs to know of the cluster, read anew each time. */
async function readWorld(
  client: Client,
  node: string,
): Promise<{ readonly facts: readonly PodFacts[]; readonly unready: ReadonlySet<string> }> {
  const [pods, replicaSets, deployments, claims, volumes] = await Promise.all([
    client.list(Kinds.Pod),
    client.list(Kinds.ReplicaSet),
    client.list(Kinds.Deployment),
    client.list(Kinds.PersistentVolumeClaim),
    client.list(Kinds.PersistentVolume),
  ])
  const surging = surgingReplicaSets(replicaSets.items, deployments.items)
  const local = localClaims(claims.items, volumes.items)
  const own = pods.items.filter(({ spec }) => spec?.nodeName === node)
  const facts = own.map(pod => ({
    pod,
    surges: surging.has(workloadOf(pod)) && !keepsItsOwnAway(pod),
    bound: boundBy(pod, local),
  }))
  const elsewhere = pods.items.filter(pod => pod.spec?.nodeName !== node && !isOver(pod) && !isReady(pod))
  return { facts, unready: new Set(elsewhere.map(workloadOf)) }
}

/** All but those of Deployments that never have two revisions of a pod at once (`Recreate`). */
function surgingReplicaSets(
  replicaSets: readonly ReplicaSet[],
  deployments: readonly Deployment[],
): ReadonlySet<string> {
  const exclusive = new Set(
    deployments
      .filter(({ spec }) => spec?.strategy?.type === 'Recreate')
      .map(({ metadata }) => metadata.uid ?? ''),
  )
  return new Set(
    replicaSets
      .filter(({ metadata }) => !(metadata.ownerReferences ?? []).some(({ uid }) => exclusive.has(uid)))
      .map(({ metadata }) => metadata.uid ?? ''),
  )
}

/** `namespace/name` of the claims whose volume only some host has. */
function localClaims(
  claims: readonly PersistentVolumeClaim[],
  volumes: readonly PersistentVolume[],
): ReadonlySet<string> {
  const local = new Set(
    volumes
      .filter(({ spec }) => spec?.nodeAffinity?.required !== undefined)
      .map(({ metadata }) => metadata.name),
  )
  return new Set(
    claims
      .filter(({ spec }) => local.has(spec?.volumeName))
      .map(({ metadata }) => `${metadata.namespace}/${metadata.name}`),
  )
}

function boundBy({ metadata, spec }: Pod, local: ReadonlySet<string>): string | undefined {
  const claim = (spec?.volumes ?? [])
    .flatMap(volume => volume.persistentVolumeClaim?.claimName ?? [])
    .find(name => local.has(`${metadata.namespace}/${name}`))
  if (claim === undefined) return undefined
  return `the data of its claim ${claim} lies on this host: move it with "bowline volume move", or drain with --force and the pod waits for this host`
}

function isReady({ status }: Pod): boolean {
  return status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true
}
