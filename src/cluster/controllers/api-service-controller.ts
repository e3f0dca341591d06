import type { Service as Runnable } from '../../base/index.ts'
import type { Client, Informer } from '../../client/index.ts'
import {
  type EndpointSlice,
  type Endpoints,
  type Kind,
  Kinds,
  type KubeObject,
  type Service,
} from '../../kube/index.ts'
import { ControlLoop, type ControllerContext } from './control-loop.ts'
import { deleteObject } from './delete-object.ts'

const NAME = 'kubernetes-service-controller'
const NAMESPACE = 'default'
const SERVICE = 'kubernetes'
const PORT = { name: 'https', protocol: 'TCP' } as const

export interface ApiServiceOptions {
  /** The Service's own address: the first of the range. */
  readonly clusterIp: string
  /** Where pods reach the API; undefined when it listens where no pod can reach it. */
  readonly endpoint: { readonly address: string | undefined; readonly port: number }
}

/**
 * Keeps the Service `kubernetes` in `default`, by which pods find the API, with its Endpoints and EndpointSlice as they must be,
 * whoever changes or deletes them (kubernetes `pkg/controlplane/controller/kubernetesservice`).
 */
export class ApiServiceController implements Runnable {
  readonly #client: Client
  readonly #loop: ControlLoop
  readonly #options: ApiServiceOptions
  readonly #services: Informer<Service>

  constructor(context: ControllerContext, options: ApiServiceOptions) {
    this.#client = context.client
    this.#options = options
    this.#loop = new ControlLoop(context, { name: NAME, reconcile: () => this.#reconcile(), workers: 1 })
    const look = ({ metadata }: KubeObject): void => {
      if (metadata.name === SERVICE && metadata.namespace === NAMESPACE) this.#loop.add(SERVICE)
    }
    this.#services = this.#loop.follow(Kinds.Service, look)
    this.#loop.follow(Kinds.Endpoints, look)
    this.#loop.follow(Kinds.EndpointSlice, look)
    this.#loop.add(SERVICE)
  }

  start(signal: AbortSignal): Promise<void> {
    return this.#loop.start(signal)
  }

  /** An apply that changes nothing writes nothing. */
  async #reconcile(): Promise<void> {
    await this.#dropMoved()
    await this.#apply(Kinds.Service, this.#service())
    await this.#apply(Kinds.Endpoints, this.#endpointsObject())
    await this.#apply(Kinds.EndpointSlice, this.#slice())
  }

  /** An address is immutable: when the range is another one, the Service is made anew. */
  async #dropMoved(): Promise<void> {
    const current = this.#services.get(`${NAMESPACE}/${SERVICE}`)
    if (current === undefined || current.spec?.clusterIP === this.#options.clusterIp) return
    await deleteObject(this.#client, Kinds.Service, current)
  }

  async #apply<T extends KubeObject>(kind: Kind<T>, body: T): Promise<void> {
    await this.#client.patch(
      kind,
      SERVICE,
      { type: 'apply', body, force: true },
      { namespace: NAMESPACE, fieldManager: 'bowline-kubernetes-service' },
    )
  }

  #service(): Service {
    const { clusterIp, endpoint } = this.#options
    return {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: metadataWith({ component: 'apiserver', provider: 'kubernetes' }),
      spec: {
        type: 'ClusterIP',
        clusterIP: clusterIp,
        clusterIPs: [clusterIp],
        ipFamilies: ['IPv4'],
        ipFamilyPolicy: 'SingleStack',
        internalTrafficPolicy: 'Cluster',
        sessionAffinity: 'None',
        ports: [{ ...PORT, port: 443, targetPort: endpoint.port }],
      },
    }
  }

  #endpointsObject(): Endpoints {
    const { address, port } = this.#options.endpoint
    return {
      apiVersion: 'v1',
      kind: 'Endpoints',
      // The slice is made here, not by the controller that mirrors Endpoints.
      metadata: metadataWith({ 'endpointslice.kubernetes.io/skip-mirror': 'true' }),
      ...(address === undefined
        ? {}
        : { subsets: [{ addresses: [{ ip: address }], ports: [{ ...PORT, port }] }] }),
    }
  }

  #slice(): EndpointSlice {
    const { address, port } = this.#options.endpoint
    return {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: metadataWith({ 'kubernetes.io/service-name': SERVICE }),
      addressType: 'IPv4',
      endpoints: address === undefined ? [] : [{ addresses: [address], conditions: { ready: true } }],
      ports: [{ ...PORT, port }],
    }
  }
}

function metadataWith(labels: Readonly<Record<string, string>>): KubeObject['metadata'] {
  return { name: SERVICE, namespace: NAMESPACE, labels }
}
