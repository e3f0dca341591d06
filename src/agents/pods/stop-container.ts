import { messageOf } from '../../base/index.ts'
import type { ContainerStatus } from '../runtime/index.ts'
import { runHook } from './hooks.ts'
import { containersOf, newestSandbox } from './lifecycle.ts'
import { type CarryOutMeans, look } from './means.ts'
import { MIN_GRACE_MS, type PodEntry } from './pod-entry.ts'
import type { Step } from './step.ts'
import type { PodView } from './view.ts'

/**
 * Stops a container gently: its preStop hook, the stop signal, and at `killAt` the kill signal. A stop that hastens one under way
 * begins with the stop signal; an aborted one goes no further than its hook.
 */
export async function stopContainer(
  entry: PodEntry,
  { container, killAt, message }: Extract<Step, { type: 'stop-container' }>,
  view: PodView,
  means: CarryOutMeans,
  signal: AbortSignal,
): Promise<void> {
  const { runtime, record, clock } = means
  const { id, name } = container
  const isHastened = (view.stopping.get(id) ?? killAt) > killAt
  if (!isHastened) {
    record(entry.pod, 'Normal', 'Killing', message, name)
    await runPreStop(entry, container, killAt, view, means, signal)
    if (signal.aborted) return
  }
  await runtime.stopContainer(id, Math.max(MIN_GRACE_MS, killAt - clock.now()))
  await look(id, means)
}

/** A preStop hook is part of the grace period; that it failed is said, and stops nothing. */
async function runPreStop(
  entry: PodEntry,
  { id, name }: ContainerStatus,
  killAt: number,
  view: PodView,
  { runtime, clock, record }: CarryOutMeans,
  signal: AbortSignal,
): Promise<void> {
  const container = containersOf(entry.pod).find(({ spec }) => spec.name === name)?.spec
  const preStop = container?.lifecycle?.preStop
  if (container === undefined || preStop === undefined) return
  const ip = newestSandbox(view)?.ip
  const timeoutMs = Math.max(0, killAt - clock.now())
  try {
    const hook = runHook(preStop, { id, container, ip }, timeoutMs, { runtime, clock, signal })
    const limit = new AbortController()
    const expired = clock.sleep(timeoutMs, AbortSignal.any([limit.signal, signal]))
    try {
      await Promise.race([hook, expired])
    } finally {
      limit.abort()
      expired.catch(() => {})
      hook.catch(() => {})
    }
  } catch (error) {
    if (signal.aborted) return
    record(entry.pod, 'Warning', 'FailedPreStopHook', `PreStopHook failed: ${messageOf(error)}`, name)
  }
}
