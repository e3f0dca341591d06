import { type ChainHead, Ledger } from '../audit/index.ts'
import {
  BowlineError,
  type Clock,
  type Ids,
  type KeyValueStore,
  type Logger,
  type Service,
} from '../base/index.ts'
import type { Client, Informers } from '../client/index.ts'
import {
  type App,
  findKind,
  type Kind,
  Kinds,
  type KubeObject,
  type ObjectRef,
  StatusError,
} from '../kube/index.ts'
import type { Revision } from '../sync/index.ts'
import { AppLane } from './app-lane.ts'
import { AppReporter } from './app-report.ts'
import type { AppTarget } from './app-target.ts'
import { AppTree } from './app-tree.ts'
import { Inventory } from './inventory.ts'
import { LiveObjects } from './live-objects.ts'
import { routeLiveChanges } from './live-router.ts'
import type { AppPreview, PlanPreview } from './plan-preview.ts'
import { planTarget } from './plan-target.ts'
import { Running } from './running.ts'
import type { RevisionNews } from './source-runner.ts'
import { type OpenSource, Sources } from './sources.ts'
import { targetOfNothing } from './target-of.ts'
import { WriteLog } from './write-log.ts'

/** Always followed: what most manifests declare, and what health is read from. */
const BASE_KINDS: readonly Kind[] = [
  Kinds.ConfigMap,
  Kinds.Deployment,
  Kinds.Namespace,
  Kinds.Pod,
  Kinds.ReplicaSet,
  Kinds.Secret,
  Kinds.ServiceAccount,
]

export interface PipelineOptions {
  /** With an identity that may do everything and that no user can have. */
  readonly client: Client
  /** Running, or to be run by whoever made them. */
  readonly informers: Informers
  /** The home store, for the records and the inventory. */
  readonly store: KeyValueStore
  readonly openSource: OpenSource
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Logger
}

/** What exists once the pipeline has started. */
interface StartedParts {
  readonly inventory: Inventory
  readonly reporter: AppReporter
  readonly tree: AppTree
}

/** A person's write to an object, as the API sees it. */
export interface ObservedWrite {
  readonly user: string
  readonly ref: ObjectRef
  readonly subresource: string
}

/**
 * Git in charge: follows the source of every App that no other owns, gives each app of a revision its lane, measures live
 * changes against what Git says, and owns the inventory, the records and the status of apps.
 */
export class Pipeline implements Service {
  readonly #options: PipelineOptions
  readonly #ledger: Ledger
  readonly #live: LiveObjects
  readonly #writes = new WriteLog()
  readonly #lanes: Running<AppLane>
  readonly #sources: Sources
  #signal: AbortSignal = AbortSignal.abort()
  #parts:
    | { readonly inventory: Inventory; readonly reporter: AppReporter; readonly tree: AppTree }
    | undefined

  constructor(options: PipelineOptions) {
    const { clock, ids, log } = options
    this.#options = options
    this.#ledger = new Ledger(options)
    this.#live = new LiveObjects(options)
    this.#lanes = new Running(log)
    this.#sources = new Sources({
      open: options.openSource,
      onRevision: (root, news) => this.#onRevision(root, news),
      onProblem: (root, problem) => this.#required().tree.reportProblem(root, problem),
      clock,
      ids,
      log,
    })
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#signal = signal
    const { client, informers, store, clock, log } = this.#options
    const inventory = await Inventory.load(store)
    const apps = informers.of(Kinds.App)
    const reporter = new AppReporter({ client, apps, inventory, clock, log })
    const tree = new AppTree({ client, apps, reporter })
    this.#parts = { inventory, reporter, tree }
    await this.#closeInterrupted()
    await Promise.all([apps.synced, this.#live.follow([...BASE_KINDS, ...kindsOf(inventory.refs())])])
    const unroute = routeLiveChanges({
      live: this.#live,
      inventory,
      writes: this.#writes,
      laneOf: app => this.#lanes.get(app),
    })
    const unwatch = apps.subscribe({
      added: app => this.#onApp(app),
      updated: app => this.#onApp(app),
      deleted: app => this.#onAppGone(app),
    })
    await aborted(signal)
    unwatch()
    unroute()
    await this.#sources.close()
    await this.#lanes.removeAll()
  }

  /** What to warn a person of who writes an object that Git owns. */
  warningsFor({ ref, subresource }: ObservedWrite): readonly string[] {
    const owner = this.#parts?.inventory.ownerOf(ref)
    if (owner === undefined || subresource === 'status') return []
    const { app, source, commit } = owner
    return [
      `${ref.kind} ${ref.name} is managed by Git (app ${app}, ${source.file}:${source.line}, commit ${commit.slice(0, 7)}): ` +
        'what that file declares will be put back; change the file and push',
    ]
  }

  /** Remembers who wrote an object, so that a repair can name them. Writes of Bowline's own parts do not belong here. */
  noteWrite({ user, ref }: ObservedWrite): void {
    this.#writes.note(ref, user)
  }

  /** Where the chain of records of each app ends. */
  chains(): Promise<readonly ChainHead[]> {
    return this.#ledger.heads()
  }

  /** What a commit would change, computed against the live state. NotFound for an app that follows no source. */
  async preview(root: string, revision: string, signal: AbortSignal): Promise<PlanPreview> {
    const runner = this.#sources.runner(root)
    if (runner === undefined)
      throw new StatusError(
        'NotFound',
        `app "${root}" follows no repository: ask for the app of the whole repository`,
      )
    const news = await runner.preview(revision, signal)
    const { revision: loaded, targets } = news
    await this.#live.follow(kindsOf(objectsOf(loaded)))
    const { inventory } = this.#required()
    const app = this.#options.informers.of(Kinds.App).get(root)
    const isComplete = app !== undefined && loaded.diagnostics.length === 0
    const gone = isComplete ? this.#vanished(app, news).filter(name => inventory.count(name) > 0) : []
    const { id, subject, author } = loaded.commit
    return {
      commit: { id, subject, author: author.name },
      diagnostics: loaded.diagnostics,
      apps: [...targets, ...gone.map(app => targetOfNothing(app, loaded))].map(target =>
        this.#previewApp(target),
      ),
    }
  }

  /** A mistake holds the whole app: nothing of it would change. */
  #previewApp(target: AppTarget): AppPreview {
    const { app, diagnostics } = target
    if (diagnostics.length > 0) return { app, diagnostics, changes: [] }
    const { changes, hold } = planTarget(target, { live: this.#live, inventory: this.#required().inventory })
    return { app, diagnostics, changes, ...(hold === undefined ? {} : { hold }) }
  }

  async #onRevision(root: App, news: RevisionNews): Promise<void> {
    const { inventory, tree } = this.#required()
    const { revision, targets } = news
    await this.#live.follow(kindsOf(objectsOf(revision)))
    const isBroken = revision.diagnostics.length > 0
    const gone = isBroken ? [] : this.#vanished(root, news)
    const emptied = gone.filter(app => inventory.count(app) > 0)
    await tree.reportRevision(root, news, emptied)
    if (isBroken) return
    await tree.ensureChildren(root, news)
    await this.#rememberApplied(root, news)
    for (const target of targets) this.#lane(target.app).submit(target)
    for (const app of emptied) this.#lane(app).submit(targetOfNothing(app, revision))
    for (const app of gone) if (!emptied.includes(app)) await this.#retire(app)
  }

  /** The apps of a root that a revision does not have any more. */
  #vanished(root: App, { names }: RevisionNews): readonly string[] {
    return [root, ...this.#required().tree.children(root)]
      .map(({ metadata }) => metadata.name ?? '')
      .filter(app => !names.has(app))
  }

  /**
   * After a start, what an app last had applied is what its drift is measured against until a newer target is accepted: a
   * head that is held must not leave what runs unguarded.
   */
  async #rememberApplied(root: App, { targets, revision }: RevisionNews): Promise<void> {
    const apps = this.#options.informers.of(Kinds.App)
    const runner = this.#sources.runner(root.metadata.name ?? '')
    for (const { app, trigger } of targets) {
      const applied = apps.get(app)?.status?.appliedRevision
      if (
        trigger !== 'start' ||
        applied === undefined ||
        applied === revision.commit.id ||
        runner === undefined
      )
        continue
      const before = await runner.preview(applied, this.#signal).catch(() => undefined)
      const target = before?.targets.find(candidate => candidate.app === app)
      if (target !== undefined && target.diagnostics.length === 0) this.#lane(app).remember(target)
    }
  }

  /** A record that a crash left open says so: what was noted happened, what came after is not known. */
  async #closeInterrupted(): Promise<void> {
    for (const record of await this.#ledger.findOpen()) {
      const { changes = [], containers = [] } = record.status ?? {}
      await this.#ledger.close(record, {
        state: 'Interrupted',
        changes,
        containers,
        message:
          'the server ended during this attempt; changes that are not listed may or may not have been written',
      })
    }
  }

  #onApp(app: App): void {
    const { tree } = this.#required()
    const parent = app.metadata.ownerReferences?.find(({ kind }) => kind === 'App')
    if (parent === undefined) return this.#sources.follow(app)
    const root = this.#options.informers.of(Kinds.App).get(parent.name)
    if (root !== undefined) tree.rollUp(root)
  }

  /** Without its App an app is no longer followed; what it owns stays, for only Git deletes. */
  #onAppGone({ metadata }: App): void {
    const name = metadata.name ?? ''
    this.#sources.drop(name)
    void this.#lanes.remove(name)
  }

  async #retire(app: string): Promise<void> {
    await this.#required().tree.retire(app)
  }

  #lane(app: string): AppLane {
    const known = this.#lanes.get(app)
    if (known !== undefined) return known
    const { client, clock, log } = this.#options
    const { inventory, reporter } = this.#required()
    const parts = { client, live: this.#live, inventory, ledger: this.#ledger, reporter, clock, log }
    return this.#lanes.add(app, new AppLane(app, { ...parts, onEmptied: () => this.#retire(app) }))
  }

  #required(): StartedParts {
    if (this.#parts === undefined)
      throw new BowlineError('unavailable', 'Cannot look at apps: the pipeline has not started yet', {
        retryable: true,
      })
    return this.#parts
  }
}

function objectsOf(revision: Revision): readonly KubeObject[] {
  return revision.apps.flatMap(({ objects }) => objects.map(({ object }) => object))
}

/** The served kinds among these. */
function kindsOf(refs: readonly { readonly apiVersion: string; readonly kind: string }[]): readonly Kind[] {
  const kinds = new Map<string, Kind>()
  for (const { apiVersion, kind } of refs) {
    const key = `${apiVersion}/${kind}`
    const found = kinds.has(key) ? undefined : findKind(apiVersion, kind)
    if (found !== undefined) kinds.set(key, found)
  }
  return [...kinds.values()]
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
