import { Limit } from '../../base/index.ts'
import type { Probe } from '../../kube/index.ts'
import { type ProbeAnswer, type ProbeMeans, type ProbeTarget, runProbe } from './probe.ts'
import { firstVerdict, nextVerdict, type Verdict } from './verdict.ts'

export type ProbeKind = 'Liveness' | 'Readiness' | 'Startup'

interface ProbedContainer extends ProbeTarget {
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  /** What was known of it before this agent started: nobody should see a ready container turn unready because of that. */
  readonly started: boolean
  readonly ready: boolean
}

/** Who is told. Called synchronously from the prober's own timers. */
export interface ProbeObserver {
  healthChanged(id: string, health: { readonly started: boolean; readonly ready: boolean }): void
  /** A probe was answered badly, whether or not that changes anything. */
  unhealthy(id: string, kind: ProbeKind, output: string): void
  /** The container should be killed; it is asked nothing more. */
  condemned(id: string, kind: 'Liveness' | 'Startup', probe: Probe): void
}

export interface Prober {
  /** Begins to ask, and tells the health so far at once. A container that is followed already is left as it is. */
  follow(container: ProbedContainer): void
  forget(id: string): void
  /** Forgets every container. */
  close(): void
}

/** Probes at work at once on this node; the others wait their turn. */
const CONCURRENCY = 16
/**
 * A container that was never ready is asked again sooner than its period says, so that a rollout does not wait ten seconds for a
 * server that needs two. Such an early answer can only make it ready.
 */
const EARLY_MS = 250

export function createProber(options: ProbeMeans & { readonly observer: ProbeObserver }): Prober {
  const limit = new Limit(CONCURRENCY)
  const followed = new Map<string, ContainerProbes>()
  return {
    follow(container) {
      if (followed.has(container.id)) return
      const probes = new ContainerProbes(container, options, limit)
      followed.set(container.id, probes)
      probes.begin()
    },
    forget(id) {
      followed.get(id)?.end()
      followed.delete(id)
    },
    close() {
      for (const probes of followed.values()) probes.end()
      followed.clear()
    },
  }
}

/** The probes of one running container: startup first, then the other two. */
class ContainerProbes {
  readonly #target: ProbedContainer
  readonly #means: ProbeMeans & { readonly observer: ProbeObserver }
  readonly #limit: Limit
  readonly #timers = new Map<ProbeKind, () => void>()
  readonly #verdicts = new Map<ProbeKind, Verdict>()
  #started: boolean
  #ready: boolean
  #ended = false

  constructor(
    target: ProbedContainer,
    means: ProbeMeans & { readonly observer: ProbeObserver },
    limit: Limit,
  ) {
    const { startupProbe, readinessProbe } = target.container
    this.#target = target
    this.#means = means
    this.#limit = limit
    this.#started = startupProbe === undefined || target.started
    this.#ready = this.#started && (readinessProbe === undefined || target.ready)
  }

  begin(): void {
    const { startupProbe } = this.#target.container
    this.#tell()
    if (this.#started || startupProbe === undefined) this.#beginMain()
    else this.#schedule('Startup', startupProbe, this.#firstDelay(startupProbe))
  }

  end(): void {
    this.#ended = true
    for (const cancel of this.#timers.values()) cancel()
    this.#timers.clear()
  }

  #beginMain(): void {
    const { livenessProbe, readinessProbe } = this.#target.container
    if (readinessProbe !== undefined)
      this.#schedule('Readiness', readinessProbe, this.#firstDelay(readinessProbe))
    if (livenessProbe !== undefined)
      this.#schedule('Liveness', livenessProbe, this.#firstDelay(livenessProbe))
  }

  #firstDelay({ initialDelaySeconds = 0 }: Probe): number {
    return Math.max(0, this.#target.startedAt + initialDelaySeconds * 1000 - this.#means.clock.now())
  }

  #schedule(kind: ProbeKind, probe: Probe, delayMs: number, asked = 0): void {
    if (this.#ended) return
    this.#timers.set(
      kind,
      this.#means.clock.after(delayMs, () => void this.#ask(kind, probe, asked)),
    )
  }

  async #ask(kind: ProbeKind, probe: Probe, asked: number): Promise<void> {
    const answer = await this.#limit.run(() => runProbe(probe, this.#target, this.#means))
    if (this.#ended) return
    const periodMs = (probe.periodSeconds ?? 10) * 1000
    const earlyMs = EARLY_MS * 2 ** Math.min(asked, 16)
    const isEarly = kind === 'Readiness' && !this.#ready && !answer.ok && earlyMs < periodMs
    if (!isEarly || asked === 0) this.#judge(kind, probe, answer)
    if (this.#ended || (kind === 'Startup' && this.#started)) return
    this.#schedule(kind, probe, isEarly ? earlyMs : periodMs, isEarly ? asked + 1 : Number.MAX_SAFE_INTEGER)
  }

  #judge(kind: ProbeKind, probe: Probe, answer: ProbeAnswer): void {
    const { id } = this.#target
    const { observer } = this.#means
    const before = this.#verdicts.get(kind) ?? firstVerdict(kind === 'Liveness' || this.#isReadyNow(kind))
    const verdict = nextVerdict(before, answer.ok, probe)
    this.#verdicts.set(kind, verdict)
    if (!answer.ok) observer.unhealthy(id, kind, answer.output)
    if (kind === 'Readiness') {
      if (this.#ready === verdict.healthy) return
      this.#ready = verdict.healthy
      this.#tell()
    } else if (kind === 'Startup' && verdict.healthy) {
      this.#started = true
      this.#ready = this.#target.container.readinessProbe === undefined
      this.#tell()
      this.#beginMain()
    } else if (!verdict.healthy && verdict.streak >= (probe.failureThreshold ?? 3)) {
      this.end()
      observer.condemned(id, kind, probe)
    }
  }

  #isReadyNow(kind: ProbeKind): boolean {
    return kind === 'Readiness' && this.#ready
  }

  #tell(): void {
    this.#means.observer.healthChanged(this.#target.id, { started: this.#started, ready: this.#ready })
  }
}
