import { CompiledPolicy } from '../../../kinds/index.ts'
import {
  Kinds,
  type ValidatingAdmissionPolicy,
  type ValidatingAdmissionPolicyBinding,
} from '../../../kube/index.ts'
import type { KindCache } from '../cache/kind-cache.ts'
import type { StoredEntry } from '../cache/stored-entry.ts'
import type { World } from '../cache/world.ts'

/** A policy that is in force, by its bindings. */
export interface ActivePolicy {
  readonly name: string
  readonly spec: NonNullable<ValidatingAdmissionPolicy['spec']>
  readonly bindings: readonly ActiveBinding[]
  /** Compiled when it is first asked for. */
  compiled(): CompiledPolicy
}

export interface ActiveBinding {
  readonly name: string
  readonly spec: NonNullable<ValidatingAdmissionPolicyBinding['spec']>
}

/** The policies that have a binding, by name, as new as what reads show. Made anew when one of either changed, and compiled once each. */
export class PolicyIndex {
  readonly #policies: KindCache
  readonly #bindings: KindCache
  readonly #compiled = new WeakMap<StoredEntry, CompiledPolicy>()
  #changes = ''
  #active: readonly ActivePolicy[] = []

  constructor(world: Pick<World, 'cacheOf'>) {
    this.#policies = world.cacheOf(Kinds.ValidatingAdmissionPolicy)
    this.#bindings = world.cacheOf(Kinds.ValidatingAdmissionPolicyBinding)
  }

  get active(): readonly ActivePolicy[] {
    const changes = `${this.#policies.changes}/${this.#bindings.changes}`
    if (changes !== this.#changes) {
      this.#active = this.#make()
      this.#changes = changes
    }
    return this.#active
  }

  #make(): readonly ActivePolicy[] {
    const bindings = new Map<string, ActiveBinding[]>()
    for (const { object } of sorted(this.#bindings)) {
      const { metadata, spec } = object as ValidatingAdmissionPolicyBinding
      if (spec?.policyName === undefined) continue
      const list = bindings.get(spec.policyName) ?? []
      bindings.set(spec.policyName, list)
      list.push({ name: metadata.name ?? '', spec })
    }
    return sorted(this.#policies).flatMap(entry => {
      const { metadata, spec } = entry.object as ValidatingAdmissionPolicy
      const { name = '' } = metadata
      const bound = bindings.get(name)
      if (spec === undefined || bound === undefined) return []
      return [{ name, spec, bindings: bound, compiled: () => this.#compile(entry, spec) }]
    })
  }

  #compile(entry: StoredEntry, spec: ActivePolicy['spec']): CompiledPolicy {
    const known = this.#compiled.get(entry)
    if (known !== undefined) return known
    const made = new CompiledPolicy(spec)
    this.#compiled.set(entry, made)
    return made
  }
}

function sorted(cache: KindCache): readonly StoredEntry[] {
  return [...cache.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
}
