import {
  BowlineError,
  type Clock,
  type Ids,
  type KeyValueStore,
  type Logger,
  type Service,
  type Subnet,
} from '../../base/index.ts'
import {
  componentStatusKind,
  isCustomKind,
  type Kind,
  Kinds,
  type KubeObject,
  StatusError,
} from '../../kube/index.ts'
import { claimResize } from './admission/claim-resize.ts'
import { externalAddresses } from './admission/external-addresses.ts'
import { ingressDefaults } from './admission/ingress-defaults.ts'
import { limitRanges } from './admission/limit-ranges.ts'
import { namespaceLifecycle } from './admission/namespace-lifecycle.ts'
import { podDefaults } from './admission/pod-defaults.ts'
import { serviceAccounts } from './admission/service-accounts.ts'
import { storageDefaults } from './admission/storage-defaults.ts'
import { ServiceAllocator } from './allocation/service-allocator.ts'
import type { AccountTokens } from './auth/service-accounts/account-tokens.ts'
import { entryAs, eventsAs, listAs } from './cache/shown-as.ts'
import { World } from './cache/world.ts'
import type { Admission, Attributes, Authorizer, RequestContext, Verbs } from './contract.ts'
import { EventExpiry } from './event-expiry.ts'
import { AdmissionPolicies } from './policies/admission-policies.ts'
import { paramPermissions } from './policies/param-permissions.ts'
import { ResourceQuotas } from './quota/resource-quotas.ts'
import { methodNotAllowed } from './refusals.ts'
import type { Reviewers } from './reviews/reviewer.ts'
import { ServedKinds } from './served-kinds.ts'
import type { VerbServices } from './services.ts'
import { bindPod } from './verbs/bind.ts'
import {
  type ComponentHealth,
  getComponentStatus,
  listComponentStatuses,
} from './verbs/component-statuses.ts'
import { createObject } from './verbs/create.ts'
import { deleteObject } from './verbs/delete.ts'
import { deleteObjects } from './verbs/delete-collection.ts'
import { evictPod } from './verbs/evict.ts'
import { getObject } from './verbs/get.ts'
import { listObjects } from './verbs/list.ts'
import { patchObject } from './verbs/patch.ts'
import { requestToken } from './verbs/request-token.ts'
import { updateObject } from './verbs/update.ts'
import { watchObjects } from './verbs/watch.ts'

export interface VerbsOptions {
  readonly store: KeyValueStore
  /** What is served besides the kinds that are defined while the server runs. */
  readonly kinds: readonly Kind[]
  readonly authorizer: Authorizer
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Logger
  /** Events that each kind keeps in memory for watches that are a little behind. Default 1,024. */
  readonly eventWindow?: number
  /** Where Services have their addresses from. Default 10.43.0.0/16. */
  readonly serviceCidr?: Subnet
  /** Where the `externalIPs` of Services may be. Default: nowhere. */
  readonly serviceExternalIPs?: readonly Subnet[]
  /** Asked after the built-in ones (namespaces, pod and storage defaults), in this order. */
  readonly admissions?: readonly Admission[]
  /** Signs tokens of ServiceAccounts; pods then find theirs in the usual place. */
  readonly issueToken?: AccountTokens['issue']
  /** Answers questions about users, tokens and what they may. */
  readonly reviews?: Reviewers
  /** How the parts of the control plane are, by name; absent: there are none. */
  readonly components?: () => readonly ComponentHealth[]
  /**
   * Extra `Warning` texts for a write, such as "Git owns this object". Asked just before the write is stored (and again when
   * someone else wrote meanwhile), so that whoever hears of the change can know who made it. Not asked for dry runs and for
   * writes without effect.
   */
  readonly warnOnWrite?: (attributes: Attributes, object: KubeObject) => readonly string[]
}

const DEFAULT_EVENT_WINDOW = 1024
const DEFAULT_SERVICE_CIDR: Subnet = { base: 0x0a_2b_00_00, prefix: 16 }

/**
 * The Kubernetes verbs over a store. As a service they keep their caches up to date: calls wait until `start` has filled
 * them, and watches end when it ends.
 */
export function createVerbs(options: VerbsOptions): Verbs & Service {
  const { store, kinds, authorizer, clock, ids, log } = options
  const world = new World({
    store,
    kinds,
    clock,
    log,
    eventWindow: options.eventWindow ?? DEFAULT_EVENT_WINDOW,
  })
  const served = new ServedKinds(world, kinds)
  const expiry = new EventExpiry({ store, world, clock, log })
  const services: VerbServices = {
    store,
    world,
    kinds: served,
    authorizer,
    reviews: options.reviews ?? new Map(),
    issueToken: options.issueToken,
    admissions: [
      namespaceLifecycle(world),
      podDefaults(world),
      limitRanges(world),
      storageDefaults(world),
      claimResize(world),
      externalAddresses(options.serviceExternalIPs ?? []),
      ingressDefaults(world),
      paramPermissions({ world, kinds: served, authorizer }),
      ...(options.issueToken === undefined ? [] : [serviceAccounts(world, ids)]),
      ...(options.admissions ?? []),
    ],
    policies: new AdmissionPolicies({ world, kinds: served, authorizer }),
    allocator: new ServiceAllocator(world, options.serviceCidr ?? DEFAULT_SERVICE_CIDR),
    quotas: new ResourceQuotas(world, clock),
    components: options.components ?? (() => []),
    warnOnWrite: options.warnOnWrite ?? (() => []),
    clock,
    ids,
    log,
  }
  /** Runs a verb with the kind as it is defined now: whoever calls may hold a handle from before. */
  async function on<T>(context: RequestContext, kind: Kind, action: (kind: Kind) => Promise<T>): Promise<T> {
    return refusing(async () => {
      if (!isCustomKind(kind)) return action(kind)
      await world.fresh(context)
      const current = served.current(kind)
      const { deprecation } = current.custom
      if (deprecation !== undefined) context.warnings.push(deprecation)
      return action(current)
    })
  }
  return {
    kinds: served,
    async start(signal) {
      await Promise.all([world.start(signal), expiry.start(signal)])
    },
    get: (context, handle, namespace, name, subresource) =>
      on(context, handle, async kind =>
        kind === componentStatusKind
          ? getComponentStatus(services, context, name)
          : entryAs(kind, await getObject(services, context, kind, { namespace, name, subresource })),
      ),
    list: (context, handle, query) =>
      on(context, handle, async kind =>
        kind === componentStatusKind
          ? listComponentStatuses(services, context, query)
          : listAs(kind, await listObjects(services, context, kind, query)),
      ),
    watch: (context, handle, query) =>
      on(context, handle, async kind => eventsAs(kind, await watchObjects(services, context, kind, query))),
    create: (context, handle, namespace, body, mutation) =>
      on(context, handle, async kind =>
        entryAs(kind, await createObject(services, context, { kind, namespace, body }, mutation)),
      ),
    update: (context, handle, namespace, name, body, mutation) =>
      on(context, handle, async kind =>
        entryAs(kind, await updateObject(services, context, { kind, namespace, name, body }, mutation)),
      ),
    patch: (context, handle, namespace, name, patch, mutation) =>
      on(context, handle, async kind => {
        const patched = await patchObject(services, context, { kind, namespace, name, patch }, mutation)
        return { ...patched, entry: entryAs(kind, patched.entry) }
      }),
    createSubresource: (context, kind, namespace, name, subresource, body, mutation) =>
      refusing(async () => {
        const isPod = kind.group === '' && kind.kind === Kinds.Pod.kind
        if (isPod && subresource === 'binding')
          return bindPod(services, context, { namespace, name, body }, mutation)
        if (isPod && subresource === 'eviction')
          return evictPod(services, context, { namespace, name, body }, mutation)
        const isToken = kind === Kinds.ServiceAccount && subresource === 'token'
        if (isToken) return requestToken(services, context, { namespace, name, body }, mutation)
        throw methodNotAllowed()
      }),
    delete: (context, handle, namespace, name, deletion) =>
      on(context, handle, async kind => {
        const deleted = await deleteObject(services, context, { kind, namespace, name }, deletion)
        return { ...deleted, entry: entryAs(kind, deleted.entry) }
      }),
    deleteCollection: (context, handle, query, deletion) =>
      on(context, handle, async kind => {
        const deleted = await deleteObjects(services, context, kind, query, deletion)
        return deleted.map(entry => entryAs(kind, entry))
      }),
  }
}

/** A store that cannot be reached or written is a refusal that may pass, like any other. */
async function refusing<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action()
  } catch (error) {
    if (!(error instanceof BowlineError) || error.code !== 'unavailable') throw error
    throw new StatusError('ServiceUnavailable', error.message, { retryAfterSeconds: 1 }, { cause: error })
  }
}
