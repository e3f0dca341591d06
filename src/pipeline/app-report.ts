import { type Clock, deepEqual, type Logger } from '../base/index.ts'
import type { Client, Lister } from '../client/index.ts'
import { countActions, type Plan } from '../diff/index.ts'
import { type App, type AppStatus, isConflict, isNotFound, Kinds } from '../kube/index.ts'
import type { AppTarget } from './app-target.ts'
import type { Inventory } from './inventory.ts'

/** The field manager of the status of apps. */
const STATUS_MANAGER = 'bowline-pipeline'

/** What the pipeline says of an app. */
export interface AppReport {
  readonly target: AppTarget
  readonly phase: NonNullable<AppStatus['phase']>
  readonly message: string
  /** The plan of the target; absent when only the health changed. */
  readonly plan?: Plan
  /** Whether everything that the target declares was written. */
  readonly applied: boolean
  /** The newest record of the app, when it changed. */
  readonly record?: string
}

/** Writes `status` of App objects; the only writer of it. A report that says nothing new writes nothing. */
export class AppReporter {
  readonly log: Logger
  readonly #client: Client
  readonly #apps: Lister<App>
  readonly #inventory: Inventory
  readonly #clock: Clock

  constructor(parts: {
    readonly client: Client
    readonly apps: Lister<App>
    readonly inventory: Inventory
    readonly clock: Clock
    readonly log: Logger
  }) {
    this.#client = parts.client
    this.#apps = parts.apps
    this.#inventory = parts.inventory
    this.#clock = parts.clock
    this.log = parts.log
  }

  async report(report: AppReport): Promise<void> {
    await this.update(report.target.app, app => this.#statusOf(report, app))
  }

  /** Replaces the status by what `next` makes of the newest object; repeats on a conflict; a vanished app is no error. */
  async update(name: string, next: (app: App) => AppStatus): Promise<void> {
    let app = this.#apps.get(name)
    for (let attempt = 0; ; attempt += 1) {
      try {
        app ??= await this.#client.get(Kinds.App, name)
        const status = next(app)
        if (deepEqual(status, app.status)) return
        await this.#client.update(
          Kinds.App,
          { ...app, status },
          { subresource: 'status', fieldManager: STATUS_MANAGER },
        )
        return
      } catch (error) {
        if (isNotFound(error)) return
        if (!isConflict(error) || attempt >= 4) throw error
        app = undefined
      }
    }
  }

  #statusOf({ target, phase, message, plan, applied, record }: AppReport, app: App): AppStatus {
    const { commit } = target
    const before = app.status ?? {}
    const appliedRevision = applied ? commit.id : before.appliedRevision
    const lastRecord = record ?? before.lastRecord
    const changes = plan === undefined ? before.changes : { ...countActions(plan) }
    return {
      observedGeneration: app.metadata.generation ?? 1,
      phase,
      message,
      observedRevision: commit.id,
      ...(appliedRevision === undefined ? {} : { appliedRevision }),
      commit: {
        id: commit.id,
        subject: commit.subject,
        author: commit.author.name,
        committedAt: commit.committer.time,
      },
      objects: this.#inventory.count(target.app),
      diagnostics: target.diagnostics.map(({ file, line, column, code, message, excerpt, hint }) => ({
        file,
        line,
        column,
        code,
        message,
        ...(excerpt === undefined ? {} : { excerpt }),
        ...(hint === undefined ? {} : { hint }),
      })),
      ...(changes === undefined ? {} : { changes }),
      ...(plan?.hold === undefined ? {} : { hold: { ...plan.hold } }),
      ...(lastRecord === undefined ? {} : { lastRecord }),
      // Said by the tree when it saw the revision: an app that is its own root keeps it.
      ...(before.apps === undefined ? {} : { apps: before.apps }),
      conditions: this.#conditions(before, { phase, message, applied: applied || phase === 'Healthy' }),
    }
  }

  #conditions(
    before: AppStatus,
    { phase, message, applied }: Pick<AppReport, 'phase' | 'message' | 'applied'>,
  ): NonNullable<AppStatus['conditions']> {
    const ready = phase === 'Healthy'
    return [
      this.#condition(before, 'Ready', ready ? 'True' : 'False', phase, message),
      this.#condition(
        before,
        'Synced',
        applied ? 'True' : 'False',
        applied ? 'Applied' : phase,
        applied ? '' : message,
      ),
    ]
  }

  #condition(before: AppStatus, type: string, status: 'True' | 'False', reason: string, message: string) {
    const old = before.conditions?.find(condition => condition.type === type)
    const changed = old?.status !== status || old.lastTransitionTime === undefined
    const lastTransitionTime = changed
      ? new Date(this.#clock.now()).toISOString().replace(/\.\d+Z$/, 'Z')
      : (old?.lastTransitionTime ?? '')
    return { type, status, reason, message, lastTransitionTime }
  }
}
