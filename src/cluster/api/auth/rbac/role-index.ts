import type { Clock, Logger } from '../../../../base/index.ts'
import {
  type ClusterRole,
  type ClusterRoleBinding,
  Kinds,
  type KubeObject,
  objectKey,
  type PolicyRule,
  type Role,
  type RoleBinding,
  type RoleRef,
  type Subject,
  serviceAccountUser,
} from '../../../../kube/index.ts'
import type { Identity, Verbs } from '../../contract.ts'
import { followKinds, type Sink } from '../follow-kind.ts'

/** What one binding gives to one user. */
export interface Grant {
  /** Undefined when the role that is bound does not exist. */
  readonly rules: readonly PolicyRule[] | undefined
  readonly roleRef: RoleRef
  /** `ClusterRoleBinding "x" of ClusterRole "y" to Group "z"`. */
  readonly description: string
}

interface Binding {
  readonly key: string
  /** `` for a ClusterRoleBinding, which holds everywhere. */
  readonly namespace: string
  readonly roleRef: RoleRef
  /** By subject key: what {@link Grant.description} says. */
  readonly descriptions: ReadonlyMap<string, string>
}

/**
 * Who is bound to which rules, by subject, so that a request costs as much as its user has bindings and not as there are in the
 * cluster. Kept by watches, in process. Pure but for `follow`.
 */
export class RoleIndex {
  readonly #clock: Clock
  readonly #log: Logger
  /** Rules by name (ClusterRoles) and by `<namespace>/<name>` (Roles). */
  readonly #clusterRoles = new Map<string, readonly PolicyRule[]>()
  readonly #roles = new Map<string, readonly PolicyRule[]>()
  readonly #bindings = new Map<string, Binding>()
  /** By subject key, then namespace: its bindings there, by their keys. */
  readonly #bySubject = new Map<string, Map<string, Map<string, Binding>>>()

  constructor({ clock, log }: { readonly clock: Clock; readonly log: Logger }) {
    this.#clock = clock
    this.#log = log
  }

  /** Follows roles and bindings until the signal aborts. `onSynced` is called once, when all has been read whole. */
  async follow(verbs: Verbs, signal: AbortSignal, onSynced: () => void): Promise<void> {
    const rules = (target: Map<string, readonly PolicyRule[]>): Sink => ({
      clear: () => target.clear(),
      set: object => target.set(objectKey(object), (object as ClusterRole | Role).rules ?? []),
      remove: key => void target.delete(key),
    })
    const bindings = (kind: string): Sink => ({
      clear: () => {
        for (const key of [...this.#bindings.keys()]) if (key.startsWith(`${kind}/`)) this.#remove(key)
      },
      set: object => this.setBinding(object as ClusterRoleBinding | RoleBinding),
      remove: key => this.#remove(`${kind}/${key}`),
    })
    await followKinds(
      [
        [Kinds.ClusterRole, rules(this.#clusterRoles)],
        [Kinds.Role, rules(this.#roles)],
        [Kinds.ClusterRoleBinding, bindings(Kinds.ClusterRoleBinding.kind)],
        [Kinds.RoleBinding, bindings(Kinds.RoleBinding.kind)],
      ],
      { verbs, signal, clock: this.#clock, log: this.#log, onSynced },
    )
  }

  setRole(role: ClusterRole | Role): void {
    const target = role.kind === Kinds.Role.kind ? this.#roles : this.#clusterRoles
    target.set(objectKey(role as KubeObject), role.rules ?? [])
  }

  setBinding(binding: ClusterRoleBinding | RoleBinding): void {
    const object = binding as KubeObject
    const key = `${object.kind}/${objectKey(object)}`
    this.#remove(key)
    const { name = '', namespace = '' } = object.metadata
    const { roleRef, subjects = [] } = binding
    const where = namespace === '' ? name : `${name}/${namespace}`
    const descriptions = new Map(
      subjects.map(subject => [
        subjectKey(subject, namespace),
        `${object.kind} "${where}" of ${roleRef.kind} "${roleRef.name}" to ${describeSubject(subject, namespace)}`,
      ]),
    )
    const known: Binding = { key, namespace, roleRef, descriptions }
    this.#bindings.set(key, known)
    for (const subject of descriptions.keys()) {
      const places = getOrMake(this.#bySubject, subject, () => new Map<string, Map<string, Binding>>())
      getOrMake(places, namespace, () => new Map<string, Binding>()).set(key, known)
    }
  }

  /** The rules of a role that is bound in a namespace (`` for the whole cluster); undefined when there is no such role. */
  rulesOf(
    { kind, name }: Pick<RoleRef, 'kind' | 'name'>,
    namespace: string,
  ): readonly PolicyRule[] | undefined {
    return kind === Kinds.Role.kind ? this.#roles.get(`${namespace}/${name}`) : this.#clusterRoles.get(name)
  }

  /** Everything that the user is given in a namespace: by bindings of the whole cluster, and by those there. */
  *grantsOf({ username, groups }: Identity, namespace: string): Generator<Grant, void, void> {
    for (const subject of [`User ${username}`, ...groups.map(group => `Group ${group}`)]) {
      const places = this.#bySubject.get(subject)
      if (places === undefined) continue
      for (const place of namespace === '' ? [''] : ['', namespace])
        for (const binding of places.get(place)?.values() ?? [])
          yield {
            rules: this.rulesOf(binding.roleRef, binding.namespace),
            roleRef: binding.roleRef,
            description: binding.descriptions.get(subject) ?? '',
          }
    }
  }

  /** All rules that the user has in a namespace. */
  rulesFor(user: Identity, namespace: string): readonly PolicyRule[] {
    return [...this.grantsOf(user, namespace)].flatMap(({ rules }) => rules ?? [])
  }

  #remove(key: string): void {
    const binding = this.#bindings.get(key)
    if (binding === undefined) return
    this.#bindings.delete(key)
    for (const subject of binding.descriptions.keys()) {
      const places = this.#bySubject.get(subject)
      const place = places?.get(binding.namespace)
      place?.delete(key)
      if (place?.size === 0) places?.delete(binding.namespace)
      if (places?.size === 0) this.#bySubject.delete(subject)
    }
  }
}

/** A ServiceAccount is a user; one that names no namespace is of the binding's. */
function subjectKey({ kind, name, namespace = '' }: Subject, bindingNamespace: string): string {
  if (kind !== 'ServiceAccount') return `${kind} ${name}`
  return `User ${serviceAccountUser(namespace || bindingNamespace, name)}`
}

function describeSubject({ kind, name, namespace = '' }: Subject, bindingNamespace: string): string {
  return kind === 'ServiceAccount'
    ? `${kind} "${name}/${namespace || bindingNamespace}"`
    : `${kind} "${name}"`
}

function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}
