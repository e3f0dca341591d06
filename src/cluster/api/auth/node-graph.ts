import type { Clock, Logger } from '../../../base/index.ts'
import {
  type CertificateSigningRequest,
  claimKeyOf,
  type Ingress,
  type IngressClass,
  Kinds,
  type KubeObject,
  type NodeResource,
  objectKey,
  type PersistentVolume,
  type Pod,
  podReferences,
  servedIngresses,
  tlsSecrets,
} from '../../../kube/index.ts'
import type { Verbs } from '../contract.ts'
import { followKinds, type Sink } from './follow-kind.ts'

/** What a pod makes its node need: what the pod reads, and its ServiceAccount, of which the node asks for tokens. */
type GraphResource = NodeResource | 'serviceaccounts'

interface BoundPod {
  readonly nodeName: string
  readonly uid: string
  /** `configmaps/<namespace>/<name>`, `secrets/<namespace>/<name>`, `persistentvolumeclaims/<namespace>/<name>`. */
  readonly references: readonly string[]
}

/**
 * Which pod is on which node, what each pod's node may therefore read, the certificates that every node shows because every node serves
 * the ingresses, and who asked for which certificate: what the node authorizer judges by. Kept by watches, in process: an agent that learns of a pod over the network finds it here already.
 * A pod that has ended keeps its references until it is deleted, as upstream's graph does.
 */
export class NodeGraph {
  readonly #clock: Clock
  readonly #log: Logger
  readonly #pods = new Map<string, BoundPod>()
  /** How many pods of a node refer to an object; keys are `<node>|<reference>`, and a node's name holds no `|`. */
  readonly #counts = new Map<string, number>()
  /** The claim, `<namespace>/<name>`, that each PersistentVolume says it is bound to. */
  readonly #volumeClaims = new Map<string, string>()
  readonly #requesters = new Map<string, string>()
  readonly #ingresses = new Map<string, Ingress>()
  readonly #classes = new Map<string, IngressClass>()
  /** `<namespace>/<name>` of the Secrets that served ingresses name; undefined after a change, until somebody asks. */
  #certificates: ReadonlySet<string> | undefined

  constructor({ clock, log }: { readonly clock: Clock; readonly log: Logger }) {
    this.#clock = clock
    this.#log = log
  }

  isOnNode(nodeName: string, namespace: string, pod: string): boolean {
    return this.#pods.get(`${namespace}/${pod}`)?.nodeName === nodeName
  }

  /** The node of a pod with this uid; undefined when it has none, or when there is no such pod. */
  nodeOf(namespace: string, pod: string, uid: string): string | undefined {
    const found = this.#pods.get(`${namespace}/${pod}`)
    return found?.uid === uid ? found.nodeName : undefined
  }

  /** True when a pod on this node refers to the object, or an ingress that the nodes serve does. */
  mayRead(nodeName: string, resource: GraphResource, namespace: string, name: string): boolean {
    if (this.#counts.has(`${nodeName}|${resource}/${namespace}/${name}`)) return true
    return resource === 'secrets' && this.#ingressCertificates().has(`${namespace}/${name}`)
  }

  /** True when a pod on this node uses the claim that the volume belongs to. */
  mayReadVolume(nodeName: string, volume: string): boolean {
    const claim = this.#volumeClaims.get(volume)
    return claim !== undefined && this.#counts.has(`${nodeName}|persistentvolumeclaims/${claim}`)
  }

  /** The user who made a certificate signing request, as the server recorded it. */
  requesterOf(requestName: string): string | undefined {
    return this.#requesters.get(requestName)
  }

  /** Follows all of it until the signal aborts. `onSynced` is called once, when everything has been read whole. */
  async follow(verbs: Verbs, signal: AbortSignal, onSynced: () => void): Promise<void> {
    const pods: Sink = {
      clear: () => this.#clearPods(),
      set: object => this.setPod(object as Pod),
      remove: key => this.removePod(key),
    }
    const volumes: Sink = {
      clear: () => this.#volumeClaims.clear(),
      set: object => this.setVolume(object as PersistentVolume),
      remove: key => void this.#volumeClaims.delete(key),
    }
    const requests: Sink = {
      clear: () => this.#requesters.clear(),
      set: object => this.setRequest(object as CertificateSigningRequest),
      remove: key => void this.#requesters.delete(key),
    }
    await followKinds(
      [
        [Kinds.Pod, pods],
        [Kinds.PersistentVolume, volumes],
        [Kinds.CertificateSigningRequest, requests],
        [Kinds.Ingress, this.#sinkOf(this.#ingresses)],
        [Kinds.IngressClass, this.#sinkOf(this.#classes)],
      ],
      { verbs, signal, clock: this.#clock, log: this.#log, onSynced },
    )
  }

  #sinkOf<T extends KubeObject>(objects: Map<string, T>): Sink {
    const change = (make: () => void) => {
      make()
      this.#certificates = undefined
    }
    return {
      clear: () => change(() => objects.clear()),
      set: object => change(() => objects.set(objectKey(object), object as T)),
      remove: key => change(() => objects.delete(key)),
    }
  }

  #ingressCertificates(): ReadonlySet<string> {
    this.#certificates ??= new Set(
      tlsSecrets(servedIngresses([...this.#ingresses.values()], [...this.#classes.values()])).map(
        ({ namespace, name }) => `${namespace}/${name}`,
      ),
    )
    return this.#certificates
  }

  setPod(pod: Pod): void {
    const key = objectKey(pod)
    this.removePod(key)
    const nodeName = pod.spec?.nodeName
    if (!nodeName) return
    const account = pod.spec?.serviceAccountName
    const names = [...podReferences(pod), ...(account ? [`serviceaccounts/${account}`] : [])]
    const references = names.map(reference => reference.replace('/', `/${pod.metadata.namespace}/`))
    this.#pods.set(key, { nodeName, uid: pod.metadata.uid ?? '', references })
    for (const reference of references) {
      const count = `${nodeName}|${reference}`
      this.#counts.set(count, (this.#counts.get(count) ?? 0) + 1)
    }
  }

  removePod(key: string): void {
    const pod = this.#pods.get(key)
    if (pod === undefined) return
    this.#pods.delete(key)
    for (const reference of pod.references) {
      const count = `${pod.nodeName}|${reference}`
      const left = (this.#counts.get(count) ?? 0) - 1
      if (left > 0) this.#counts.set(count, left)
      else this.#counts.delete(count)
    }
  }

  setVolume(volume: PersistentVolume): void {
    const reference = volume.spec?.claimRef
    if (reference === undefined) this.#volumeClaims.delete(objectKey(volume))
    else this.#volumeClaims.set(objectKey(volume), claimKeyOf(reference))
  }

  setRequest(request: CertificateSigningRequest): void {
    this.#requesters.set(objectKey(request), request.spec.username ?? '')
  }

  #clearPods(): void {
    this.#pods.clear()
    this.#counts.clear()
  }
}
