import {
  type AccessAnswer,
  type AccessQuestion,
  celValue,
  Meter,
  type PolicyFailure,
} from '../../../kinds/index.ts'
import {
  type Kind,
  Kinds,
  type KubeObject,
  registryKey,
  serviceAccountGroups,
  serviceAccountUser,
} from '../../../kube/index.ts'
import { AUTHENTICATED_GROUP, systemIdentity } from '../auth/identity.ts'
import type { World } from '../cache/world.ts'
import type { Authorizer, Identity, RequestContext } from '../contract.ts'
import type { ServedKinds } from '../served-kinds.ts'
import { type Denial, denialError } from './denial.ts'
import { PolicyAnnotations } from './policy-annotations.ts'
import { type ActiveBinding, type ActivePolicy, PolicyIndex } from './policy-index.ts'
import { collectParams } from './policy-params.ts'
import { bodyKind, type PolicyRequest, shownAs } from './policy-request.ts'
import { type MatchWorld, matchingKind } from './resource-rules.ts'

/** What one policy may cost at one write, in about microseconds, and all of them together. */
const POLICY_BUDGET = 250_000
const WRITE_BUDGET = 1_000_000

/** Makes what every cluster has, before anybody is served: a policy must not keep the server from starting. */
const BOOTSTRAP = systemIdentity('bootstrap').username

/**
 * The ValidatingAdmissionPolicies in force, asked about each write once it is otherwise found good. They are as new as the write itself: a
 * policy counts from the moment it is acknowledged. Costs nothing where there is no binding.
 */
export class AdmissionPolicies {
  readonly #world: Pick<World, 'cacheOf'>
  readonly #kinds: Pick<ServedKinds, 'all'>
  readonly #authorizer: Authorizer
  readonly #index: PolicyIndex

  constructor(parts: {
    readonly world: Pick<World, 'cacheOf'>
    readonly kinds: Pick<ServedKinds, 'all'>
    readonly authorizer: Authorizer
  }) {
    this.#world = parts.world
    this.#kinds = parts.kinds
    this.#authorizer = parts.authorizer
    this.#index = new PolicyIndex(parts.world)
  }

  /** Refuses what a policy denies, in the name of the first that does; warns of what policies would warn of. */
  check(context: Pick<RequestContext, 'audit' | 'warnings'>, request: () => PolicyRequest): void {
    const { active } = this.#index
    if (active.length === 0) return
    const asked = request()
    if (isExempt(asked)) return
    const found = this.#judge(active, asked)
    for (const warning of found.warnings)
      if (!context.warnings.includes(warning)) context.warnings.push(warning)
    for (const [key, value] of found.annotations.entries()) context.audit?.annotations.set(key, value)
    const [denial] = found.denials
    if (denial !== undefined) throw denialError(asked, denial)
  }

  #judge(
    active: readonly ActivePolicy[],
    request: PolicyRequest,
  ): {
    readonly denials: readonly Denial[]
    readonly warnings: readonly string[]
    readonly annotations: PolicyAnnotations
  } {
    const whole = new Meter(WRITE_BUDGET)
    const denials: Denial[] = []
    const warnings: string[] = []
    const annotations = new PolicyAnnotations()
    const world = this.#matchWorld()
    const seen = new Views(request)
    for (const policy of active) {
      const kind = matchingKind(policy.spec.matchConstraints, request, world)
      if (kind === undefined) continue
      const meter = new Meter(POLICY_BUDGET, whole)
      for (const binding of policy.bindings) {
        if (matchingKind(binding.spec.matchResources, request, world) === undefined) continue
        const failures = this.#failures(policy, binding, {
          request,
          kind,
          seen,
          meter,
          onAnnotation: (key, value) => annotations.add(policy.name, key, value),
        })
        const { validationActions = [] } = binding.spec
        for (const { message, reason, expressionIndex, isMisconfigured } of failures) {
          if (isMisconfigured !== true && validationActions.includes('Audit'))
            annotations.fail({
              message,
              policy: policy.name,
              binding: binding.name,
              ...(expressionIndex === undefined ? {} : { expressionIndex }),
              validationActions,
            })
          if (isMisconfigured === true || validationActions.includes('Deny'))
            denials.push({ policy: policy.name, binding: binding.name, message, reason })
          if (isMisconfigured !== true && validationActions.includes('Warn'))
            warnings.push(
              `Validation failed for ValidatingAdmissionPolicy '${policy.name}' with binding '${binding.name}': ${message}`,
            )
        }
      }
    }
    return { denials, warnings, annotations }
  }

  /** What a policy finds by one binding, over all of its parameters. */
  #failures(
    policy: ActivePolicy,
    { spec }: ActiveBinding,
    { request, kind, seen, meter, onAnnotation }: Evaluation,
  ): readonly (PolicyFailure & { readonly isMisconfigured?: boolean })[] {
    const { paramKind, failurePolicy } = policy.spec
    const parts = { world: this.#world, kinds: this.#kinds.all }
    const params = collectParams(paramKind, spec.paramRef, namespaceOf(request), parts)
    if ('problem' in params) {
      if (failurePolicy === 'Ignore') return []
      const message = `failed to configure binding: ${params.problem}`
      return [{ message, reason: undefined, isMisconfigured: true }]
    }
    const compiled = policy.compiled()
    return params.flatMap(param =>
      compiled.failures({
        ...seen.as(kind),
        request: requestFor(request, kind),
        params: param === undefined ? null : celValue(param),
        namespaceObject: seen.once('namespace', () => this.#namespaceObject(request)),
        ask: question => this.#ask(request.user, question),
        meter,
        onAnnotation,
      }),
    )
  }

  #matchWorld(): MatchWorld {
    return {
      kinds: this.#kinds.all,
      namespaceLabels: name => {
        const namespace = this.#namespace(name)
        return namespace === undefined ? undefined : (namespace.metadata.labels ?? {})
      },
    }
  }

  #namespace(name: string): KubeObject | undefined {
    return this.#world.cacheOf(Kinds.Namespace).get(registryKey(Kinds.Namespace, undefined, name))?.object
  }

  #namespaceObject(request: PolicyRequest): unknown {
    if (!request.kind.namespaced) return null
    const namespace = this.#namespace(request.namespace)
    if (namespace === undefined) return null
    const { managedFields: _fields, ownerReferences: _owners, ...metadata } = namespace.metadata
    return celValue({ ...namespace, metadata })
  }

  #ask(user: Identity, question: AccessQuestion): AccessAnswer {
    const { serviceAccount, path, ...attributes } = question
    const subject = serviceAccount === undefined ? user : accountIdentity(serviceAccount)
    return this.#authorizer.authorize({
      ...attributes,
      user: subject,
      ...(path === undefined ? {} : { path }),
    })
  }
}

interface Evaluation {
  readonly request: PolicyRequest
  readonly kind: Kind
  readonly seen: Views
  readonly meter: Meter
  readonly onAnnotation: (key: string, value: string) => void
}

/** The objects of a request as expressions see them, made once for all policies that see them as the same kind. */
class Views {
  readonly #request: PolicyRequest
  readonly #made = new Map<unknown, unknown>()

  constructor(request: PolicyRequest) {
    this.#request = request
  }

  as(kind: Kind): { readonly object: unknown; readonly oldObject: unknown } {
    const { object, old } = this.#request
    return this.once(kind, () => ({
      object: celValue(shownAs(this.#request, kind, object)),
      oldObject: celValue(shownAs(this.#request, kind, old)),
    }))
  }

  once<T>(key: unknown, make: () => T): T {
    if (!this.#made.has(key)) this.#made.set(key, make())
    return this.#made.get(key) as T
  }
}

/**
 * Who breaks the rules with which policies are written must be able to mend them (upstream exempts both kinds too); and what Bowline did is
 * recorded whatever anybody forbids, by nobody but the server itself.
 */
function isExempt({ user, kind }: PolicyRequest): boolean {
  return (
    user.username === BOOTSTRAP ||
    [Kinds.ValidatingAdmissionPolicy, Kinds.ValidatingAdmissionPolicyBinding, Kinds.Record].some(
      ({ group, plural }) => kind.group === group && kind.plural === plural,
    )
  )
}

/** Upstream counts a Namespace as in itself. */
function namespaceOf({ kind, name, namespace }: PolicyRequest): string {
  return kind.group === '' && kind.plural === Kinds.Namespace.plural ? name : namespace
}

function requestFor(request: PolicyRequest, kind: Kind) {
  const { user, subresource, name, operation, dryRun, options } = request
  return {
    kind: bodyKind(request, kind),
    resource: resourceOf(kind),
    subResource: subresource,
    requestKind: bodyKind(request, request.kind),
    requestResource: resourceOf(request.kind),
    requestSubResource: subresource,
    name,
    namespace: namespaceOf(request),
    operation,
    userInfo: {
      username: user.username,
      uid: user.uid ?? '',
      groups: user.groups,
      extra: user.extra ?? {},
    },
    dryRun,
    options,
  }
}

function resourceOf({ group, version, plural }: Kind): {
  readonly group: string
  readonly version: string
  readonly resource: string
} {
  return { group, version, resource: plural }
}

function accountIdentity({
  namespace,
  name,
}: {
  readonly namespace: string
  readonly name: string
}): Identity {
  return {
    username: serviceAccountUser(namespace, name),
    groups: [...serviceAccountGroups(namespace), AUTHENTICATED_GROUP],
  }
}
