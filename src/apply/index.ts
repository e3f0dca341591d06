/**
 * Carries a `Plan` out through the client by server-side apply, in order, with one outcome per change, and waits for health.
 * It decides nothing: what to do is the plan's, whether to begin is the pipeline's.
 *
 *     const outcomes = await applyPlan({ plan, desired, live, client, clock, signal, onOutcome })
 *     const { state, message } = await waitForHealth({ look, onChange, clock, deadlineMs, signal })
 */
export { FIELD_MANAGER } from './apply-change.ts'
export { type ApplyOptions, applyPlan } from './apply-plan.ts'
export type { Outcome, OutcomeWord } from './outcome.ts'
export { type HealthNow, type HealthResult, type WaitOptions, waitForHealth } from './wait-healthy.ts'
