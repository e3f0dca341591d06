/**
 * Carries a `Plan` out through the client by server-side apply, in order, with one outcome per change, and waits for health.
 * It decides nothing: what to do is the plan's, whether to begin is the pipeline's.
 */
export { type ApplyOptions, applyPlan, FIELD_MANAGER } from './apply-plan.ts'
export type { Outcome, OutcomeWord } from './outcome.ts'
export { type HealthResult, type ObjectHealth, type WaitOptions, waitForHealth } from './wait-healthy.ts'
