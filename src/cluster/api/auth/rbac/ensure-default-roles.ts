import { deepEqual } from '../../../../base/index.ts'
import {
  type ClusterRole,
  type ClusterRoleBinding,
  isAlreadyExists,
  isConflict,
  isNotFound,
  type Kind,
  Kinds,
  type KubeObject,
  missingRules,
  RBAC_GROUP,
} from '../../../../kube/index.ts'
import type { Identity, MutationOptions, RequestContext, Verbs } from '../../contract.ts'
import { DEFAULT_BINDINGS, DEFAULT_ROLES, type DefaultBinding, type DefaultRole } from './default-roles.ts'

/** `"false"` on a default role or binding: leave it as it is. */
const AUTOUPDATE = 'rbac.authorization.kubernetes.io/autoupdate'
const ANNOTATIONS = { [AUTOUPDATE]: 'true' }
const LABELS = { 'kubernetes.io/bootstrapping': 'rbac-defaults' }

const OPTIONS: MutationOptions = {
  subresource: '',
  fieldManager: 'bowline',
  fieldValidation: 'Strict',
  dryRun: false,
}
const ATTEMPTS = 5

/**
 * Makes the default roles and bindings, and gives back what they lack since they were made, as upstream does at every start: what
 * somebody added stays, what somebody took away comes back, and one that carries the annotation `autoupdate: "false"` is left alone.
 */
export async function ensureDefaultRoles(verbs: Verbs, user: Identity, signal: AbortSignal): Promise<void> {
  const context: RequestContext = { user, warnings: [], signal, userAgent: 'bowline' }
  for (const wanted of DEFAULT_ROLES)
    await ensure(verbs, context, Kinds.ClusterRole, newRole(wanted), live =>
      completeRole(live as ClusterRole, wanted),
    )
  for (const wanted of DEFAULT_BINDINGS) {
    await endOtherBinding(verbs, context, wanted)
    await ensure(verbs, context, Kinds.ClusterRoleBinding, newBinding(wanted), live =>
      completeBinding(live as ClusterRoleBinding, wanted),
    )
  }
}

/** Creates the object, or completes the one that is there unless its owner said not to. */
async function ensure(
  verbs: Verbs,
  context: RequestContext,
  kind: Kind,
  wanted: KubeObject,
  complete: (live: KubeObject) => KubeObject,
): Promise<void> {
  const name = wanted.metadata.name ?? ''
  for (let attempt = 1; ; attempt += 1) {
    try {
      const live = await find(verbs, context, kind, name)
      if (live === undefined) await verbs.create(context, kind, '', wanted, OPTIONS)
      else if (live.metadata.annotations?.[AUTOUPDATE] !== 'false') {
        const next = complete(live)
        if (!deepEqual(next, live)) await verbs.update(context, kind, '', name, next, OPTIONS)
      }
      return
    } catch (error) {
      // Somebody else wrote it at the same time.
      if ((!isConflict(error) && !isAlreadyExists(error)) || attempt >= ATTEMPTS) throw error
    }
  }
}

/** What a binding binds to cannot be changed: one of a default name that binds to something else is made anew. */
async function endOtherBinding(verbs: Verbs, context: RequestContext, wanted: DefaultBinding): Promise<void> {
  const live = await find(verbs, context, Kinds.ClusterRoleBinding, wanted.name)
  if (live === undefined || live.metadata.annotations?.[AUTOUPDATE] === 'false') return
  const { roleRef } = live as ClusterRoleBinding
  if (roleRef.kind === Kinds.ClusterRole.kind && roleRef.name === wanted.role) return
  await verbs.delete(context, Kinds.ClusterRoleBinding, '', wanted.name, {
    propagationPolicy: '',
    gracePeriodSeconds: undefined,
    preconditionUid: live.metadata.uid ?? '',
    preconditionResourceVersion: '',
    dryRun: false,
  })
}

async function find(
  verbs: Verbs,
  context: RequestContext,
  kind: Kind,
  name: string,
): Promise<KubeObject | undefined> {
  try {
    return (await verbs.get(context, kind, '', name, '')).object
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

function newRole({ name, labels, rules, gathers }: DefaultRole): KubeObject {
  return {
    apiVersion: `${RBAC_GROUP}/v1`,
    kind: Kinds.ClusterRole.kind,
    metadata: { name, labels: { ...LABELS, ...labels }, annotations: ANNOTATIONS },
    ...(gathers === undefined
      ? { rules }
      : { aggregationRule: { clusterRoleSelectors: [selecting(gathers)] } }),
  } as KubeObject
}

function completeRole(live: ClusterRole, { labels, rules, gathers }: DefaultRole): KubeObject {
  const complete = { ...live, metadata: completeMetadata(live, labels) }
  if (gathers === undefined) {
    const missing = missingRules(live.rules ?? [], rules)
    return (
      missing.length === 0 ? complete : { ...complete, rules: [...(live.rules ?? []), ...missing] }
    ) as KubeObject
  }
  const selectors = live.aggregationRule?.clusterRoleSelectors ?? []
  const wanted = selecting(gathers)
  if (selectors.some(selector => deepEqual(selector, wanted))) return complete as KubeObject
  return { ...complete, aggregationRule: { clusterRoleSelectors: [...selectors, wanted] } } as KubeObject
}

function newBinding({ name, role, subjects }: DefaultBinding): KubeObject {
  return {
    apiVersion: `${RBAC_GROUP}/v1`,
    kind: Kinds.ClusterRoleBinding.kind,
    metadata: { name, labels: LABELS, annotations: ANNOTATIONS },
    roleRef: { apiGroup: RBAC_GROUP, kind: Kinds.ClusterRole.kind, name: role },
    subjects,
  } as KubeObject
}

function completeBinding(live: ClusterRoleBinding, { subjects }: DefaultBinding): KubeObject {
  const held = live.subjects ?? []
  const missing = subjects.filter(
    ({ kind, name }) => !held.some(subject => subject.kind === kind && subject.name === name),
  )
  return {
    ...live,
    metadata: completeMetadata(live, {}),
    ...(missing.length === 0 ? {} : { subjects: [...held, ...missing] }),
  } as KubeObject
}

/** What somebody set stays as it is. */
function completeMetadata(
  { metadata = {} }: ClusterRole | ClusterRoleBinding,
  labels: DefaultRole['labels'],
) {
  return {
    ...metadata,
    labels: { ...LABELS, ...labels, ...metadata.labels },
    annotations: { ...ANNOTATIONS, ...metadata.annotations },
  }
}

function selecting(label: string) {
  return { matchLabels: { [label]: 'true' } }
}
