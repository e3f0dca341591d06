import { type ChainHead, Ledger } from '../audit/index.ts'
import {
  BowlineError,
  type Clock,
  type Ids,
  type KeyValueStore,
  type Logger,
  messageOf,
  type Service,
} from '../base/index.ts'
import type { Client, Informers } from '../client/index.ts'
import {
  type App,
  compareDiagnostics,
  type Diagnostic,
  type Kind,
  Kinds,
  type ObjectRef,
  StatusError,
} from '../kube/index.ts'
import type { AppRevision, Revision } from '../sync/index.ts'
import { FirstLook } from './first-look.ts'
import { Inventory } from './inventory.ts'
import { AppLane } from './lane/app-lane.ts'
import { closeInterrupted } from './lane/close-interrupted.ts'
import { foreignObjects } from './lane/foreign-objects.ts'
import { planTarget } from './lane/plan-target.ts'
import { type PlaceProblems, refusalsOf } from './lane/refusals.ts'
import { watchDefinedKinds } from './live/defined-kinds.ts'
import { LiveObjects } from './live/live-objects.ts'
import { routeLiveChanges } from './live/live-router.ts'
import { WriteLog } from './live/write-log.ts'
import { Ownership } from './ownership.ts'
import type { AppPreview, PlanPreview } from './plan-preview.ts'
import { Running } from './running.ts'
import type { AppTarget } from './source/app-target.ts'
import type { RevisionNews, SourceRunner } from './source/source-runner.ts'
import { type OpenSource, Sources } from './source/sources.ts'
import { targetOf, targetOfNothing } from './source/target-of.ts'
import { AppTree } from './status/app-tree.ts'
import { StatusWriter } from './status/status-writer.ts'

/** Always followed: what most manifests declare, what health is read from, and what nothing must take along unasked. */
const BASE_KINDS: readonly Kind[] = [
  Kinds.ConfigMap,
  Kinds.Deployment,
  Kinds.IngressClass,
  Kinds.Namespace,
  Kinds.PersistentVolumeClaim,
  Kinds.Pod,
  Kinds.ReplicaSet,
  Kinds.Secret,
  Kinds.ServiceAccount,
  Kinds.StatefulSet,
  Kinds.StorageClass,
]

export interface PipelineOptions {
  /** With an identity that may do everything and that no user can have. */
  readonly client: Client
  /** Running, or to be run by whoever made them. */
  readonly informers: Informers
  /** The home store, for the records and the inventory. */
  readonly store: KeyValueStore
  readonly openSource: OpenSource
  /** Of the program: what another one found equal is compared again. */
  readonly version: string
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Logger
}

/** What exists once the pipeline has started. */
interface StartedParts {
  readonly inventory: Inventory
  readonly ownership: Ownership
  readonly tree: AppTree
  readonly status: StatusWriter
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
  readonly #writes: WriteLog
  readonly #lanes: Running<AppLane>
  readonly #sources: Sources
  /** The commits at which apps were held when the process started. */
  readonly #heldBefore = new Map<string, string>()
  readonly #firstLook = new FirstLook()
  /** The roots of the apps whose Apps are being made again, by the app's name. */
  readonly #restoring = new Map<string, { readonly root: string }>()
  readonly #following: Promise<void>
  #markFollowing: () => void = () => {}
  #signal: AbortSignal = AbortSignal.abort()
  #parts: StartedParts | undefined

  constructor(options: PipelineOptions) {
    const { clock, ids, log, openSource } = options
    this.#options = options
    this.#following = new Promise(resolve => {
      this.#markFollowing = resolve
    })
    this.#ledger = new Ledger(options)
    this.#live = new LiveObjects(options)
    this.#writes = new WriteLog(clock)
    this.#lanes = new Running(log)
    this.#sources = new Sources({
      open: openSource,
      onRevision: (root, news) => this.#onRevision(root, news),
      onProblem: (root, problem) => {
        this.#required().status.reportProblem(root.metadata.name ?? '', problem?.message)
        this.#firstLook.read(root.metadata.name ?? '', [])
      },
      ...{ clock, ids, log },
    })
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#signal = signal
    const { client, informers, store, clock, log } = this.#options
    const inventory = await Inventory.load(store)
    const apps = informers.of(Kinds.App)
    const tree = new AppTree({ client, apps })
    const status = new StatusWriter({ client, tree, inventory, clock, log })
    const ownership = new Ownership(inventory, app => this.#rootOf(app))
    this.#parts = { inventory, ownership, tree, status }
    for (const record of await this.#ledger.findOpen()) await closeInterrupted(this.#ledger, record)
    await Promise.all([
      apps.synced,
      // A repository may hold objects of kinds that are defined in the cluster.
      informers.of(Kinds.CustomResourceDefinition).synced,
      this.#live.follow(BASE_KINDS),
      this.#live.followKindsOf(inventory.kinds()),
    ])
    for (const { metadata, status } of apps.list())
      if (status?.phase === 'Held') this.#heldBefore.set(metadata.name ?? '', status.observedRevision ?? '')
    const unroute = routeLiveChanges({
      live: this.#live,
      inventory,
      writes: this.#writes,
      laneOf: app => this.#lanes.get(app),
      lanes: () => this.#lanes.values(),
    })
    const unwatchKinds = watchDefinedKinds(informers, () => this.#sources.reconsider())
    const unwatch = apps.subscribe({
      added: app => this.#onApp(app),
      updated: app => this.#onApp(app),
      deleted: app => this.#onAppGone(app),
    })
    this.#firstLook.begin(apps.list().filter(isRoot).map(nameOf))
    this.#markFollowing()
    await aborted(signal)
    unwatch()
    unwatchKinds()
    unroute()
    await this.#sources.close()
    await this.#lanes.removeAll()
    await status.close()
  }

  /** Resolves when everything that is followed at the start was looked at once, or could not be; never rejects. */
  get firstLook(): Promise<void> {
    return this.#firstLook.over
  }

  /** What was read of the sources cannot be relied on any more: all of it is read again. */
  readAgain(): void {
    this.#sources.readAgain()
  }

  /** What to warn a person of who writes an object that Git owns. */
  warningsFor({ ref, subresource }: ObservedWrite): readonly string[] {
    const owner = this.#parts?.inventory.ownerOf(ref)
    if (owner === undefined || subresource === 'status' || this.#lanes.get(owner.app) === undefined) return []
    const { app, source, commit } = owner
    return [
      `${ref.kind} ${ref.name} is managed by Git (app ${app}, ${source.file}:${source.line}, commit ${commit.slice(0, 7)}): ` +
        'what that file declares will be put back; change the file and push',
    ]
  }

  /** Remembers who wrote an object, so that a repair can name them. Writes of Bowline's own parts do not belong here. */
  noteWrite({ user, ref, subresource }: ObservedWrite): void {
    if (subresource !== 'status') this.#writes.note(ref, user)
  }

  /** Where the chain of records of each app ends. */
  chains(): Promise<readonly ChainHead[]> {
    return this.#ledger.heads()
  }

  /**
   * Has the source of a root App looked at now, for whoever knows that something was pushed. NotFound for any other app. Whoever asks
   * before the start is over waits for it.
   */
  async lookNow(root: string, signal: AbortSignal): Promise<void> {
    await this.#untilFollowed(root, signal)
    this.#runnerOf(root).lookNow()
  }

  /**
   * What a commit would change, computed against the live state. NotFound for an app that follows no source. Whoever asks before the
   * start is over waits for it.
   */
  async preview(root: string, revision: string, signal: AbortSignal): Promise<PlanPreview> {
    await this.#untilFollowed(root, signal)
    const loaded = await this.#runnerOf(root).load(revision, signal)
    const app = this.#required().tree.get(root)
    await this.#live.follow(kindsIn(loaded.apps))
    const occasion = { revision: loaded, trigger: 'push', skipped: [] } as const
    const gone = app === undefined || loaded.diagnostics.length > 0 ? [] : this.#vanished(app, loaded)
    const { clashes, apps } = this.#split(app, loaded)
    const targets = [
      ...apps.map(one => targetOf(one, occasion)),
      ...gone.filter(name => this.#ownsAnything(name)).map(name => targetOfNothing(name, occasion)),
    ]
    const { id, subject, author } = loaded.commit
    return {
      commit: { id, subject, author: author.name },
      diagnostics: [...loaded.diagnostics, ...clashes],
      apps: await Promise.all(targets.map(target => this.#previewApp(root, target))),
    }
  }

  /** The start is over, and the source of a root App was opened if it can be. Throws the signal's reason. */
  async #untilFollowed(root: string, signal: AbortSignal): Promise<void> {
    await Promise.race([this.#following.then(() => this.#sources.tried(root)), aborted(signal)])
    signal.throwIfAborted()
  }

  #runnerOf(root: string): SourceRunner {
    const runner = this.#sources.runner(root)
    if (runner !== undefined) return runner
    throw new StatusError(
      'NotFound',
      `app "${root}" follows no repository: ask for the app of the whole repository`,
    )
  }

  /** A mistake holds the whole app, and so does what another repository's app has: nothing of it would change. */
  async #previewApp(root: string, target: AppTarget): Promise<AppPreview> {
    const { app } = target
    if (target.diagnostics.length > 0) return { app, diagnostics: target.diagnostics, changes: [] }
    const { inventory, ownership } = this.#required()
    const parts = { live: this.#live, inventory, ownership: ownership.of(app, root) }
    const foreign = [...foreignObjects(target, parts, target.desired.keys()).values()]
    if (foreign.length > 0) return { app, diagnostics: foreign.sort(compareDiagnostics), changes: [] }
    const plan = planTarget(target, parts)
    const { changes, hold } = plan
    const diagnostics = await refusalsOf(plan, target, this.#placing(root))
    return { app, diagnostics, changes, ...(hold === undefined ? {} : { hold }) }
  }

  /** Finds fields in the repository of a root App. */
  #placing(root: string): PlaceProblems {
    return async (...problems) => {
      try {
        return (await this.#sources.runner(root)?.placeProblems(...problems)) ?? []
      } catch (error) {
        this.#options.log.warn('Cannot find the place of a field', { app: root, error: messageOf(error) })
        return []
      }
    }
  }

  async #onRevision(root: App, news: RevisionNews): Promise<void> {
    const { revision } = news
    const { tree, status } = this.#required()
    const { commit, diagnostics } = revision
    const name = root.metadata.name ?? ''
    if (diagnostics.length > 0) {
      status.reportSource(name, { commit, diagnostics, total: tree.children(root).length, affected: [] })
      this.#firstLook.read(name, [])
      return this.#guard(root)
    }
    const { clashes, apps } = this.#split(root, revision)
    const vanished = this.#vanished(root, revision)
    const emptied = vanished.filter(app => this.#ownsAnything(app))
    const touched = this.#touched(apps, news)
    await this.#live.follow(kindsIn(touched))
    const left = this.#left(emptied, revision)
    status.reportSource(name, {
      ...{ commit, diagnostics: clashes, total: revision.apps.length + emptied.length },
      affected: this.#isKnown(root, news) ? undefined : [...touched.map(app => app.name), ...left],
    })
    await tree.ensureChildren(root, apps)
    this.#firstLook.read(name, [...touched.map(app => app.name), ...left])
    for (const app of touched) this.#lane(app.name, name).submit(targetOf(app, news))
    for (const app of left) this.#lane(app, name).submit(targetOfNothing(app, news))
    for (const app of vanished) if (!emptied.includes(app)) await this.#retire(app)
  }

  /** The apps of a revision without those whose names belong to another repository's apps, and what to say of these. */
  #split(
    root: App | undefined,
    revision: Revision,
  ): { readonly clashes: readonly Diagnostic[]; readonly apps: readonly AppRevision[] } {
    const clashes = root === undefined ? [] : this.#required().tree.findClashes(root, revision)
    const refused = new Set(clashes.map(({ file }) => file))
    return { clashes, apps: revision.apps.filter(({ folder }) => !refused.has(folder)) }
  }

  /** The apps that a revision may change: those that declare something else than before, and those that wait for more than that. */
  #touched(apps: readonly AppRevision[], { revision, previous }: RevisionNews): readonly AppRevision[] {
    const before = new Map(previous?.apps.map(app => [app.name, app]))
    const allowsDeletions = revision.allowDelete !== undefined
    return apps.filter(app => {
      const lane = this.#lanes.get(app.name)
      return lane === undefined || before.get(app.name) !== app || lane.isConcernedBy({ allowsDeletions })
    })
  }

  /** The apps that have left Git with this revision, or that waited for it to let them go. */
  #left(emptied: readonly string[], { allowDelete }: Revision): readonly string[] {
    const allowsDeletions = allowDelete !== undefined
    return emptied.filter(app => {
      const lane = this.#lanes.get(app)
      return lane === undefined || !lane.isLeaving || lane.isConcernedBy({ allowsDeletions })
    })
  }

  /** The apps of a root that a revision does not have any more. */
  #vanished(root: App, { apps }: Revision): readonly string[] {
    const names = new Set(apps.map(({ name }) => name))
    return [root, ...this.#required().tree.children(root)]
      .map(({ metadata }) => metadata.name ?? '')
      .filter(name => !names.has(name))
  }

  /** The same head as before, in this process or in the one before it: whatever it touched is known already. */
  #isKnown(root: App, { revision, previous }: RevisionNews): boolean {
    if (previous?.commit.id === revision.commit.id) return true
    const before = this.#required().tree.get(root.metadata.name ?? '')?.status
    return (
      previous === undefined && before?.observedRevision === revision.commit.id && before.apps !== undefined
    )
  }

  #ownsAnything(app: string): boolean {
    return this.#required().inventory.entriesOf(app).size > 0
  }

  /** What the apps are cannot be told at this revision: what runs of them is watched all the same. */
  async #guard(root: App): Promise<void> {
    const names = [root, ...this.#required().tree.children(root)].map(({ metadata }) => metadata.name ?? '')
    const leader = root.metadata.name ?? ''
    for (const name of names) if (this.#ownsAnything(name)) await this.#lane(name, leader).guard()
  }

  /** The target that an app had applied in full before the process started, for as long as the repository still has it. */
  async #recall(name: string): Promise<AppTarget | undefined> {
    const { tree } = this.#required()
    const app = tree.get(name)
    const applied = app?.status?.appliedRevision
    if (app === undefined || applied === undefined) return undefined
    const root = tree.rootOf(app) ?? app
    try {
      const revision = await this.#sources.runner(root.metadata.name ?? '')?.load(applied, this.#signal)
      const found = revision?.apps.find(candidate => candidate.name === name)
      if (revision === undefined || found === undefined || found.diagnostics.length > 0) return undefined
      await this.#live.follow(kindsIn([found]))
      return targetOf(found, { revision, trigger: 'start', skipped: [] })
    } catch (error) {
      const { log } = this.#options
      log.warn('Cannot read what an app had applied', { app: name, commit: applied, error: messageOf(error) })
      return undefined
    }
  }

  #onApp(app: App): void {
    const { tree, status } = this.#required()
    if (isRoot(app)) return this.#sources.follow(app)
    const root = tree.rootOf(app)
    if (root === undefined) return
    status.childChanged(root.metadata.name ?? '')
    this.#restore(root, app)
  }

  /** Without its App an app is no longer followed; what it owns stays, for only Git deletes. */
  #onAppGone(app: App): void {
    const { tree, status, ownership } = this.#required()
    const name = nameOf(app)
    this.#sources.drop(name)
    this.#firstLook.read(name, [])
    this.#firstLook.decided(name)
    this.#lanes.remove(name)
    status.forget(name)
    const root = tree.rootOf(app)
    if (root !== undefined) this.#restore(root, app)
    ownership.release([name, ...tree.children(app).map(({ metadata }) => metadata.name ?? '')])
    // Its name may be free now for the app of another repository that it was refused.
    this.#sources.retellWith(name, root?.metadata.name)
  }

  /** Git says which apps there are and where they are: what somebody changed of that is put back. */
  #restore(root: App, { metadata: { name = '' } }: App): void {
    const { tree, ownership } = this.#required()
    const leader = root.metadata.name ?? ''
    const last = this.#sources.runner(leader)?.last
    const found = last?.revision.apps.find(candidate => candidate.name === name)
    if (last === undefined || found === undefined) return
    const occasion = { revision: last.revision, trigger: 'start', skipped: [] } as const
    const restoring = { root: leader }
    this.#restoring.set(name, restoring)
    const end = (): void => {
      if (this.#restoring.get(name) === restoring) this.#restoring.delete(name)
    }
    const submit = (): void => {
      if (this.#lanes.get(name) === undefined) this.#lane(name, leader).submit(targetOf(found, occasion))
      end()
    }
    tree.ensureChildren(root, [found]).then(submit, error => {
      this.#options.log.warn('Cannot restore an App', { app: name, error: messageOf(error) })
      end()
      ownership.release([name])
    })
  }

  /** The root that leads an app; undefined when its App is gone, or its root's. */
  #rootOf(name: string): App | undefined {
    const { tree } = this.#required()
    const leader = this.#lanes.get(name)?.root ?? this.#restoring.get(name)?.root
    const root = leader === undefined ? undefined : tree.get(leader)
    if (root !== undefined) return root
    // An app that outlives the root that made it leads itself.
    const app = tree.get(name)
    return app?.metadata.ownerReferences?.length ? tree.rootOf(app) : app
  }

  /** An app that Git no longer has and that owns nothing any more. */
  async #retire(app: string): Promise<void> {
    const { tree, status, ownership } = this.#required()
    this.#lanes.remove(app)
    ownership.release([app])
    status.reportLane(app, undefined)
    await tree.retire(app)
  }

  #lane(app: string, root: string): AppLane {
    const known = this.#lanes.get(app)
    if (known !== undefined) return known
    const { client, clock, log, version } = this.#options
    const { inventory, ownership, status, tree } = this.#required()
    const rootOf = (child: App): App => tree.rootOf(child) ?? child
    const lane = new AppLane(app, {
      ...{ client, clock, log, version, inventory, live: this.#live, ledger: this.#ledger, root },
      ownership: ownership.of(app, root),
      report: report => {
        this.#heldBefore.delete(app)
        status.reportLane(app, report)
        this.#firstLook.decided(app)
      },
      recall: () => this.#recall(app),
      placeProblems: (...problems) => {
        const known = tree.get(app)
        return this.#placing(known === undefined ? app : (rootOf(known).metadata.name ?? ''))(...problems)
      },
      wasHeldAt: commit => this.#heldBefore.get(app) === commit,
      writerOf: ref => this.#writes.writerOf(ref),
      onFree: () => this.#sources.runner(root)?.retell(),
      onEmptied: () => {
        this.#retire(app).catch(error => {
          log.warn('Cannot delete the App of an app that left Git', { app, error: messageOf(error) })
        })
      },
    })
    return this.#lanes.replace(app, lane)
  }

  #required(): StartedParts {
    if (this.#parts === undefined)
      throw new BowlineError('unavailable', 'Cannot look at apps: the pipeline has not started yet', {
        retryable: true,
      })
    return this.#parts
  }
}

/** An App that no other made follows a source. */
function isRoot({ metadata }: App): boolean {
  return !metadata.ownerReferences?.length
}

function nameOf({ metadata: { name = '' } }: App): string {
  return name
}

/** The kinds of everything that these apps declare. */
function kindsIn(apps: readonly AppRevision[]): ReadonlySet<Kind> {
  return new Set(apps.flatMap(({ kinds }) => [...kinds]))
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
