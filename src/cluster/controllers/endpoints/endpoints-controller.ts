import { deepEqual, messageOf, type Service as Part } from '../../../base/index.ts'
import type { Client, Informer } from '../../../client/index.ts'
import {
  type Endpoints,
  isAlreadyExists,
  isConflict,
  Kinds,
  objectKey,
  type Pod,
  type Service,
} from '../../../kube/index.ts'
import { ControlLoop, type ControllerContext, whenChanged } from '../control-loop.ts'
import { deleteObject } from '../delete-object.ts'
import { isNamespaceTerminating } from '../namespace-terminating.ts'
import { endpointFacts } from './pod-address.ts'
import {
  byLabel,
  bySelector,
  hasSelector,
  LABEL_INDEX,
  podsOfService,
  SELECTOR_INDEX,
  servicesOfLabels,
} from './service-selection.ts'
import { ENDPOINTS_MANAGED_BY, inheritedLabels } from './slice-metadata.ts'
import { endpointSubsets, truncateSubsets } from './subsets.ts'

const NAME = 'endpoint-controller'
const OVER_CAPACITY = 'endpoints.kubernetes.io/over-capacity'
/** Nothing is routed by Endpoints, so the changes of a moment are written as one. */
const GATHER_MS = 100

/** Keeps the Endpoints of each service that selects pods equal to those pods: the older form of its slices, for those who read it. */
export class EndpointsController implements Part {
  readonly #client: Client
  readonly #loop: ControlLoop
  readonly #services: Informer<Service>
  readonly #pods: Informer<Pod>
  readonly #endpoints: Informer<Endpoints>
  /** Services whose deletion was seen: their Endpoints go with them, whoever wrote those. */
  readonly #deleted = new Set<string>()

  constructor(context: ControllerContext) {
    this.#client = context.client
    this.#loop = new ControlLoop(context, { name: NAME, reconcile: key => this.#reconcile(key) })
    this.#services = this.#loop.follow(
      Kinds.Service,
      {
        added: service => this.#enqueue(service),
        updated: service => this.#enqueue(service),
        deleted: service => {
          this.#deleted.add(objectKey(service))
          this.#enqueue(service)
        },
      },
      { [SELECTOR_INDEX]: bySelector },
    )
    this.#pods = this.#loop.follow(
      Kinds.Pod,
      whenChanged(endpointFacts, pod => this.#podMoved(pod)),
      { [LABEL_INDEX]: byLabel },
    )
    this.#endpoints = this.#loop.follow(Kinds.Endpoints, endpoints => this.#enqueue(endpoints))
  }

  start(signal: AbortSignal): Promise<void> {
    return this.#loop.start(signal)
  }

  #podMoved({ metadata }: Pod): void {
    for (const service of servicesOfLabels(this.#services, metadata.namespace, metadata.labels))
      this.#enqueue(service)
  }

  #enqueue(object: Service | Endpoints): void {
    this.#loop.addAfter(objectKey(object), GATHER_MS)
  }

  async #reconcile(key: string): Promise<void> {
    const service = this.#services.get(key)
    const existing = this.#endpoints.get(key)
    const wasDeleted = this.#deleted.delete(key)
    if (service === undefined || service.spec?.type === 'ExternalName') {
      if (existing !== undefined && (wasDeleted || isOwn(existing)))
        await deleteObject(this.#client, Kinds.Endpoints, existing)
      return
    }
    // Without a selector the endpoints are whatever somebody else says.
    if (!hasSelector(service)) return
    const wanted = wantedEndpoints(service, existing, podsOfService(this.#pods, service))
    if (existing !== undefined && deepEqual(writtenParts(existing), writtenParts(wanted))) return
    try {
      if (existing !== undefined) await this.#client.update(Kinds.Endpoints, wanted)
      else if (service.metadata.deletionTimestamp === undefined)
        await this.#client.create(Kinds.Endpoints, wanted)
    } catch (error) {
      if (isNamespaceTerminating(error)) return
      if (!isConflict(error) && !isAlreadyExists(error))
        this.#loop.events.record(
          existing ?? service,
          'Warning',
          existing === undefined ? 'FailedToCreateEndpoint' : 'FailedToUpdateEndpoint',
          `Failed to ${existing === undefined ? 'create' : 'update'} endpoint for service ${key}: ${messageOf(error)}`,
        )
      throw error
    }
  }
}

/** Written by this controller, so that it may go when its service is gone. */
function isOwn({ metadata }: Endpoints): boolean {
  return metadata.labels?.[ENDPOINTS_MANAGED_BY] === NAME
}

function wantedEndpoints(service: Service, existing: Endpoints | undefined, pods: readonly Pod[]): Endpoints {
  const all = endpointSubsets(service, pods)
  const truncated = truncateSubsets(all)
  const { [OVER_CAPACITY]: _, ...annotations } = existing?.metadata.annotations ?? {}
  const { name = '', namespace = '' } = service.metadata
  return {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: {
      ...(existing?.metadata ?? { name, namespace }),
      labels: { ...inheritedLabels(service), [ENDPOINTS_MANAGED_BY]: NAME },
      annotations: truncated === undefined ? annotations : { ...annotations, [OVER_CAPACITY]: 'truncated' },
    },
    subsets: truncated ?? all,
  }
}

function writtenParts({ metadata, subsets = [] }: Endpoints): unknown {
  return [metadata.labels ?? {}, metadata.annotations ?? {}, subsets]
}
