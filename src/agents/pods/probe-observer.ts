import type { ProbeObserver } from '../probes/index.ts'
import type { CarryOutMeans } from './means.ts'
import type { ObservedPods } from './observed-pods.ts'
import type { PodEntry } from './pod-entry.ts'

export interface ProbeObserverOptions {
  readonly observed: ObservedPods
  readonly entry: (uid: string) => PodEntry | undefined
  readonly wake: (uid: string) => void
  readonly record: CarryOutMeans['record']
}

/** Takes what the prober finds into the pods' notes. */
export function probeObserver({
  observed,
  entry: entryOf,
  wake,
  record,
}: ProbeObserverOptions): ProbeObserver {
  function withEntry(id: string, act: (entry: PodEntry, name: string) => void): void {
    const container = observed.container(id)
    const entry = container && entryOf(container.pod.uid)
    if (entry !== undefined && container !== undefined) act(entry, container.name)
  }
  return {
    healthChanged(id, health) {
      withEntry(id, (entry, name) => {
        entry.setNote(name, { health: { id, ...health } })
        wake(entry.uid)
      })
    },
    unhealthy(id, kind, output) {
      withEntry(id, (entry, name) =>
        record(entry.pod, 'Warning', 'Unhealthy', `${kind} probe failed: ${output}`, name),
      )
    },
    condemned(id, kind, { terminationGracePeriodSeconds }) {
      withEntry(id, (entry, name) => {
        const message = `Container ${name} failed ${kind.toLowerCase()} probe, will be restarted`
        const graceMs =
          terminationGracePeriodSeconds === undefined ? undefined : terminationGracePeriodSeconds * 1000
        entry.setNote(name, { condemned: { id, message, graceMs } })
        wake(entry.uid)
      })
    },
  }
}
