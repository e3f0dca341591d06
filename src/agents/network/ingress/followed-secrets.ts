import type { Clock, Ids, Logger } from '../../../base/index.ts'
import { type Client, createInformer, type Informer } from '../../../client/index.ts'
import { type ConfigMap, type Kind, Kinds, type KubeObject, type Secret } from '../../../kube/index.ts'

export interface FollowedOptions {
  readonly client: Client
  readonly onChange: () => void
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Logger
}

interface Followed<T extends KubeObject> {
  readonly informer: Informer<T>
  readonly stop: () => void
}

/** Secrets that are watched one by one, by name: the server allows a node no more. */
export class FollowedSecrets {
  readonly #options: FollowedOptions
  readonly #followed = new Map<string, Followed<Secret>>()

  constructor(options: FollowedOptions) {
    this.#options = options
  }

  /** Watches these, and no others any more. */
  follow(secrets: readonly { readonly namespace: string; readonly name: string }[]): void {
    const wanted = new Set(secrets.map(({ namespace, name }) => `${namespace}/${name}`))
    for (const [key, { stop }] of this.#followed)
      if (!wanted.has(key)) {
        stop()
        this.#followed.delete(key)
      }
    for (const { namespace, name } of secrets) {
      const key = `${namespace}/${name}`
      if (!this.#followed.has(key))
        this.#followed.set(key, followObject(Kinds.Secret, namespace, name, this.#options))
    }
  }

  get(namespace: string, name: string): Secret | undefined {
    const key = `${namespace}/${name}`
    return this.#followed.get(key)?.informer.get(key)
  }

  /** True when the server has said whether there is such a Secret, and which. */
  isKnown(namespace: string, name: string): boolean {
    return this.#followed.get(`${namespace}/${name}`)?.informer.hasSynced ?? false
  }

  close(): void {
    this.follow([])
  }
}

/** Watches one ConfigMap. */
export function followConfigMap(
  { namespace, name }: { readonly namespace: string; readonly name: string },
  options: FollowedOptions,
): { get(): ConfigMap | undefined; stop(): void } {
  const { informer, stop } = followObject(Kinds.ConfigMap, namespace, name, options)
  return { get: () => informer.get(`${namespace}/${name}`), stop }
}

function followObject<T extends KubeObject>(
  kind: Kind<T>,
  namespace: string,
  name: string,
  { client, onChange, clock, ids, log }: FollowedOptions,
): Followed<T> {
  const abort = new AbortController()
  const fieldSelector = `metadata.name=${name}`
  const informer = createInformer(client, kind, { namespace, fieldSelector, clock, ids, log })
  informer.subscribe({ added: onChange, updated: onChange, deleted: onChange })
  void informer.run(abort.signal)
  // Also what is not there is an answer.
  void informer.synced.then(onChange)
  return { informer, stop: () => abort.abort() }
}
