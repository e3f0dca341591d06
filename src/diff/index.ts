/**
 * What has to change: desired objects, live objects and the inventory in, an ordered `Plan` out. Pure: it reads no clock, does no
 * I/O, and the same input always gives the same plan. Secret values are masked here, before anybody can print or keep them.
 *
 *     const plan = assemblePlan({ app, revision, desired, live, inventory, allowDelete: 0, busyNamespaces, holdsClaims, manager: 'bowline' })
 *     if (plan.hold === undefined && !isEmptyPlan(plan)) await applyPlan(…)
 */
export { assemblePlan, type OwnedObject, type PlanInput } from './assemble-plan.ts'
export { holdsData } from './hold-rules.ts'
export {
  type Action,
  type Change,
  countActions,
  type FieldChange,
  type Hold,
  isEmptyPlan,
  type Plan,
  type SourcePosition,
} from './plan.ts'
export type { DesiredObject } from './plan-object.ts'
