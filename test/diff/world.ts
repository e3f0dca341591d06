import { deepFreeze } from '../../src/base/index.ts'
import {
  assemblePlan,
  type DesiredObject,
  type OwnedObject,
  type Plan,
  type PlanInput,
} from '../../src/diff/index.ts'
import { applyDefaults, schemaFor, serverSideApply, trackUpdate } from '../../src/kinds/index.ts'
import { findKind, type Kind, type KubeObject, refKey, refOf } from '../../src/kube/index.ts'

/** A cluster and an app in memory: what Git declares, what is there, what Git owns. Builds plans and carries them out. */
export class World {
  readonly live: Map<string, KubeObject> = new Map()
  readonly owned: Map<string, OwnedObject> = new Map()
  desired: readonly DesiredObject[] = []

  /** Git declares exactly these, one a line of `app.yaml`. */
  declare(...objects: readonly KubeObject[]): this {
    this.desired = objects.map((object, index) => ({
      object: deepFreeze(structuredClone(object)),
      source: { file: 'app.yaml', line: index + 1, column: 1 },
    }))
    return this
  }

  /** Somebody writes an object by hand. */
  write(object: KubeObject, manager = 'kubectl-edit'): this {
    const kind = kindOf(object)
    const before = this.live.get(refKey(refOf(object)))
    const after = applyDefaults(kind, object)
    this.#store(trackUpdate({ schema: schemaFor(kind), before, after, manager, nowIso: NOW }))
    return this
  }

  plan(choices: Partial<PlanInput> = {}): Plan {
    return assemblePlan({
      app: 'shop',
      revision: 'a1b2c3d',
      desired: this.desired,
      live: ref => this.live.get(refKey(ref)),
      inventory: [...this.owned.values()],
      allowDelete: 0,
      busyNamespaces: () => false,
      holdsClaims: () => false,
      ownsClaims: () => false,
      manager: 'bowline',
      ...choices,
    })
  }

  /** Carries a plan out as the API would, and remembers what Git owns. */
  apply({ changes }: Plan): this {
    const declared = new Map(this.desired.map(({ object }) => [refKey(refOf(object)), object]))
    for (const { action, ref, source } of changes) {
      const key = refKey(ref)
      if (action === 'delete') {
        this.live.delete(key)
        this.owned.delete(key)
        continue
      }
      const object = declared.get(key)
      if (object === undefined || source === undefined) throw new Error(`Git does not declare ${key}`)
      if (action !== 'keep') this.#applyObject(object)
      this.owned.set(key, { ref, source })
    }
    return this
  }

  #applyObject(applied: KubeObject): void {
    const kind = kindOf(applied)
    const key = refKey(refOf(applied))
    const live = this.live.get(key)
    const { object } = serverSideApply({
      schema: schemaFor(kind),
      live,
      applied,
      manager: 'bowline',
      force: true,
      nowIso: NOW,
    })
    if (object !== live) this.#store(applyDefaults(kind, object))
  }

  #store(object: KubeObject): void {
    this.live.set(refKey(refOf(object)), deepFreeze(structuredClone(object)))
  }
}

const NOW = '2024-01-01T00:00:00Z'

export function configMap(name: string, data: Record<string, string> = {}, namespace = 'shop'): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data } as KubeObject
}

export function secret(name: string, parts: object = {}, metadata: object = {}): KubeObject {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: 'shop', ...metadata }, ...parts }
}

export function namespace(name: string): KubeObject {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name } }
}

export function deployment(
  name: string,
  image: string,
  spec: object = {},
  container: object = {},
): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'shop' },
    spec: {
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { containers: [{ name: 'web', image, ...container }] },
      },
      ...spec,
    },
  } as KubeObject
}

function kindOf({ apiVersion, kind }: KubeObject): Kind {
  const found = findKind(apiVersion, kind)
  if (found === undefined) throw new Error(`unknown kind ${kind}`)
  return found
}
