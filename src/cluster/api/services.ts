import type { Clock, Ids, KeyValueStore, Logger } from '../../base/index.ts'
import type { KubeObject } from '../../kube/index.ts'
import type { Allocator } from './allocation/allocator.ts'
import type { AccountTokens } from './auth/service-accounts/account-tokens.ts'
import type { World } from './cache/world.ts'
import type { Admission, Attributes, Authorizer } from './contract.ts'
import type { AdmissionPolicies } from './policies/admission-policies.ts'
import type { ResourceQuotas } from './quota/resource-quotas.ts'
import type { Reviewers } from './reviews/reviewer.ts'
import type { ServedKinds } from './served-kinds.ts'
import type { ComponentHealth } from './verbs/component-statuses.ts'

/** What the verbs stand on. */
export interface VerbServices {
  readonly store: KeyValueStore
  readonly world: World
  readonly kinds: ServedKinds
  readonly authorizer: Authorizer
  /** Answers to the questions that are created and not stored; a kind without an answer is not allowed. */
  readonly reviews: Reviewers
  /** How the parts of the control plane are, by name. */
  readonly components: () => readonly ComponentHealth[]
  /** Signs tokens of ServiceAccounts; undefined where there are none. */
  readonly issueToken: AccountTokens['issue'] | undefined
  /** In the order in which they are asked. */
  readonly admissions: readonly Admission[]
  /** Asked about what is found good, just before it is stored. */
  readonly policies: AdmissionPolicies
  /** Asked once admission is through, before validation. */
  readonly allocator: Allocator
  /** Charged last, with what is found good in every other way. */
  readonly quotas: Pick<ResourceQuotas, 'charge'>
  /**
   * Extra warnings for a write, such as "Git owns this object". Asked just before the write, so that whoever hears of the change
   * can know who made it; not for dry runs and writes without effect.
   */
  readonly warnOnWrite: (attributes: Attributes, object: KubeObject) => readonly string[]
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Logger
}
