import type { BackoffOptions, Clock, Limit } from '../../base/index.ts'
import type { Client } from '../../client/index.ts'
import type { Variable } from '../containers/environment.ts'
import type { PodSurroundings } from '../containers/field-value.ts'
import type { ClusterNames } from '../containers/pod-names.ts'
import type { Network } from '../network/index.ts'
import type { PodTokens } from '../pod-tokens.ts'
import type { References } from '../references.ts'
import type { ResolverConfig, Runtime } from '../runtime/index.ts'
import type { Volumes } from '../volumes/index.ts'
import type { AssignedPod } from './assigned-pod.ts'
import type { ObservedPods } from './observed-pods.ts'

/** The node as its pods need to know it. */
export interface HostShape {
  readonly hostIP: string | undefined
  readonly allocatable: PodSurroundings['allocatable']
  /** The whole machine's memory, which out-of-memory scores are relative to. */
  readonly memoryBytes: number
  /** The folders that pods mount from, as one word. */
  readonly home: string
}

/** What pods are told of names and services when they start. */
export interface PodDirectory {
  /** Undefined where the node has no part in a network. It waits for what is about to be known, never for long. */
  cluster(): Promise<ClusterNames | undefined>
  /** The host's resolvers that pods can use. */
  resolvers(): Promise<ResolverConfig>
  /** The variables by which a pod finds services. As many as are known: it never waits for long. */
  serviceVariables(pod: AssignedPod): Promise<readonly Variable[]>
}

export interface CarryOutMeans {
  readonly client: Client
  readonly runtime: Runtime
  readonly observed: ObservedPods
  readonly volumes: Volumes
  readonly references: References
  readonly tokens: PodTokens
  readonly directory: PodDirectory
  /** Told of the addresses of pods before these run. */
  readonly network: Pick<Network, 'admit' | 'forget' | 'portProblem'>
  readonly host: HostShape
  readonly clock: Clock
  /** An image that was not at hand was pulled. */
  imagePulled(id: string): void
  /** Bounds the sandboxes and containers that start at once. */
  readonly starts: Limit
  /** Bounds the removals that are under way at once; they let starts go first. */
  readonly removals: Limit
  /** Bounds the images that are pulled at once. */
  readonly pulls: Limit
  record(
    pod: AssignedPod,
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
    container?: string,
  ): void
}

/** Between attempts at volumes, sandboxes and containers that could not be made. */
export const SETUP_BACKOFF: BackoffOptions = { initialMs: 500, maxMs: 20_000 }

/** Sees for itself how a container is. */
export async function look(
  id: string,
  { runtime, observed }: Pick<CarryOutMeans, 'runtime' | 'observed'>,
): Promise<void> {
  const status = await runtime.containerStatus(id)
  if (status === undefined) observed.removeContainer(id)
  else observed.setContainer(status)
}
