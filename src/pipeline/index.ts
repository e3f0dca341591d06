/**
 * Leads every app from a new commit, or from a drift, through diff, apply and audit. One lane an app; owns the inventory and
 * the status of apps.
 *
 *     const pipeline = new Pipeline({ client, informers, store, openSource, clock, ids, log })
 *     await pipeline.start(signal)
 */
export { definedKinds } from './live/defined-kinds.ts'
export { type ObservedWrite, Pipeline, type PipelineOptions } from './pipeline.ts'
export type { AppPreview, PlanPreview } from './plan-preview.ts'
export type { OpenSource } from './source/sources.ts'
