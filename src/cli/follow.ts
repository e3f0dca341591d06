import { stripVTControlCharacters } from 'node:util'
import { type Clock, silentLogger, systemIds } from '../base/index.ts'
import { createInformer, type HttpsClient, type Informer } from '../client/index.ts'
import {
  type App,
  type AppStatus,
  apiPath,
  type Deployment,
  Kinds,
  type Pod,
  type RecordObject,
} from '../kube/index.ts'
import { durationText } from './duration-text.ts'
import { EXIT } from './exit-code.ts'
import { changeLine, countsText, diagnosticLines, shortId } from './plan-text.ts'
import { hang, printable } from './printable.ts'
import type { Terminal } from './terminal.ts'

export interface FollowOptions {
  readonly client: HttpsClient
  readonly terminal: Terminal
  readonly clock: Clock
  /** The full commit id. */
  readonly commit: string
  /** How long to wait before the exit code 124. */
  readonly deadlineMs: number
  readonly signal: AbortSignal
}

/** How much of a failed container's log is shown. */
const LOG_LINES = 5
const MAX_LOG_BYTES = 4_096

/** The watched caches that a follow reads. */
interface View {
  readonly apps: Informer<App>
  readonly records: Informer<RecordObject>
  readonly deployments: Informer<Deployment>
  readonly pods: Informer<Pod>
}

/**
 * Shows what a commit does from the moment the server sees it until every app that it touches is healthy, failed or held.
 * Returns the exit code: 0 all healthy, 1 one failed, 3 one held, 124 the deadline.
 */
export async function followCommit(options: FollowOptions): Promise<number> {
  const { client, clock, terminal, commit } = options
  const stop = new AbortController()
  const signal = AbortSignal.any([options.signal, stop.signal])
  const parts = { clock, ids: systemIds, log: silentLogger }
  const view: View = {
    apps: createInformer(client, Kinds.App, parts),
    records: createInformer(client, Kinds.Record, {
      ...parts,
      labelSelector: `bowline.dev/commit=${commit}`,
    }),
    deployments: createInformer(client, Kinds.Deployment, parts),
    pods: createInformer(client, Kinds.Pod, parts),
  }
  const informers = [view.apps, view.records, view.deployments, view.pods]
  const running = informers.map(informer => informer.run(signal))
  let wake: () => void = () => {}
  for (const informer of informers)
    informer.subscribe({ added: () => wake(), updated: () => wake(), deleted: () => wake() })
  const story = new Story({
    view,
    terminal,
    commit,
    readLog: (pod, container) => readLastLines(client, pod, container, signal),
  })
  signal.addEventListener('abort', () => wake(), { once: true })
  const end = clock.now() + options.deadlineMs
  try {
    await Promise.all(informers.map(informer => informer.synced))
    for (;;) {
      const changed = new Promise<void>(resolve => {
        wake = resolve
      })
      const code = await story.tell()
      if (code !== undefined) return code
      const left = end - clock.now()
      if (left <= 0) return story.giveUp()
      const cancel = clock.after(Math.min(left, 1_000), wake)
      await changed
      cancel()
      options.signal.throwIfAborted()
    }
  } finally {
    stop.abort()
    await Promise.allSettled(running)
  }
}

interface StoryParts {
  readonly view: View
  readonly terminal: Terminal
  readonly commit: string
  /** The end of what a container that ended has said; empty when it cannot be had. */
  readonly readLog: (pod: Pod, container: string) => Promise<readonly string[]>
}

/** How an app ended under the commit. */
interface Ended {
  readonly phase: NonNullable<AppStatus['phase']>
  readonly message: string
  readonly diagnostics: NonNullable<AppStatus['diagnostics']>
  /** For a held plan: how many objects it would delete. */
  readonly deletes?: number | undefined
  readonly namespace: string
}

/** Tells each part of a commit's story once, in order, as the caches come to show it. */
class Story {
  readonly #view: View
  readonly #terminal: Terminal
  readonly #commit: string
  readonly #readLog: StoryParts['readLog']
  readonly #planned = new Set<string>()
  readonly #ended = new Map<string, Ended>()
  #knownRoot: App | undefined
  #seen = false
  #deploying = false

  constructor({ view, terminal, commit, readLog }: StoryParts) {
    this.#view = view
    this.#terminal = terminal
    this.#commit = commit
    this.#readLog = readLog
  }

  /** Prints what is new; the exit code once everything has ended. */
  async tell(): Promise<number | undefined> {
    const root = this.#root()
    if (root === undefined) return undefined
    const affected = root.status?.apps?.affected ?? []
    this.#tellPlan(root, affected)
    for (const name of affected) await this.#tellEnd(name)
    if (affected.some(name => !this.#ended.has(name))) {
      this.#terminal.progress(
        affected.filter(name => !this.#ended.has(name)).map(name => this.#progressLine(name)),
      )
      return undefined
    }
    return this.#tellResult(root, affected)
  }

  giveUp(): number {
    const waiting = this.#root()?.status?.apps?.affected.filter(name => !this.#ended.has(name)) ?? []
    const state = this.#seen ? `${waiting.join(', ')} not settled` : 'the server has not seen this commit'
    this.#terminal.print(`${this.#terminal.paint('red', 'DEADLINE')}  ${state}`)
    if (!this.#seen)
      this.#terminal.print(
        'NEXT    is it pushed to the branch that the server follows? `bowline status` shows it',
      )
    return EXIT.deadline
  }

  /**
   * The app whose source is the repository (the one that no other app owns), as it was when the commit was last its newest: a
   * commit that a newer one overtakes keeps its own end.
   */
  #root(): App | undefined {
    const current = this.#view.apps
      .list()
      .find(app => !app.metadata.ownerReferences?.length && app.status?.observedRevision === this.#commit)
    this.#knownRoot = current ?? this.#knownRoot
    return this.#knownRoot
  }

  #tellPlan(root: App, affected: readonly string[]): void {
    const { print, paint } = this.#terminal
    if (!this.#seen) {
      this.#seen = true
      const { commit } = printable(root.status ?? {})
      print(`${paint('yellow', shortId(this.#commit))} "${commit?.subject ?? ''}"  <${commit?.author ?? ''}>`)
      const total = root.status?.apps?.total ?? affected.length
      if (affected.length === 0) print(`${paint('bold', 'PLAN')}    0 of ${total} apps change`)
    }
    const records = affected.map(name => this.#record(name))
    if (this.#planned.size > 0 || affected.length === 0 || records.some(record => record === undefined))
      return
    const counts = { create: 0, configure: 0, delete: 0 }
    for (const record of records)
      for (const word of ['create', 'configure', 'delete'] as const)
        counts[word] += record?.spec.plan.counts[word] ?? 0
    const total = root.status?.apps?.total ?? affected.length
    print(`${paint('bold', 'PLAN')}    ${affected.length} of ${total} apps change: ${countsText(counts)}`)
    for (const record of records) {
      if (record === undefined) continue
      this.#planned.add(record.spec.app)
      for (const change of printable(record.spec.plan.changes))
        print(changeLine(record.spec.app, change, paint))
    }
  }

  async #tellEnd(name: string): Promise<void> {
    if (this.#ended.has(name)) return
    const ended = this.#endOf(name)
    if (ended === undefined) return
    const { print, paint } = this.#terminal
    this.#ended.set(name, ended)
    if (!this.#deploying) {
      this.#deploying = true
      print(paint('bold', 'DEPLOY'))
    }
    print(this.#progressLine(name))
    const { phase, message, diagnostics } = ended
    if (phase === 'Held' && diagnostics.length > 0) {
      for (const diagnostic of diagnostics)
        for (const line of diagnosticLines(diagnostic, this.#commit, paint)) print(line)
    } else if (phase !== 'Healthy') {
      for (const line of message.split('; ')) print(`          ${hang(line, '            ')}`)
      for (const line of await this.#lastWords(message)) print(`            ${line}`)
    }
  }

  /**
   * How an app ended, once its record is closed. The record decides: the app's own phase goes on with whatever happens next.
   * What holds it is told by the app's status, which is written right after.
   */
  #endOf(name: string): Ended | undefined {
    const record = this.#record(name)
    const state = record?.status?.state ?? 'Open'
    if (record === undefined || state === 'Open') return undefined
    const { message } = printable(record.status?.health ?? { message: '' })
    const phase = state === 'Healthy' || state === 'Held' ? state : 'Failed'
    const app = this.#view.apps.get(name)
    // The App of a folder that left Git goes with the last of its objects.
    if (app === undefined) return { phase, message, diagnostics: [], namespace: 'default' }
    const { status, spec } = printable(app)
    const namespace = spec.namespace ?? 'default'
    if (state === 'Superseded') return { phase, message, diagnostics: [], namespace }
    // A repair may have its own record since.
    if (
      status?.observedRevision === this.#commit &&
      sequenceOf(status.lastRecord) < sequenceOf(record.metadata.name)
    )
      return undefined
    const isCurrent = status?.observedRevision === this.#commit
    return {
      phase,
      message,
      diagnostics: isCurrent ? (status.diagnostics ?? []) : [],
      deletes: isCurrent ? status.hold?.deletes : undefined,
      namespace,
    }
  }

  /** The end of the log of each crashing container that an app's message names and that left no message of its own. */
  async #lastWords(message: string): Promise<readonly string[]> {
    const lines: string[] = []
    for (const pod of this.#view.pods.list())
      for (const { name, state, lastState } of pod.status?.containerStatuses ?? []) {
        if (!message.includes(`${pod.metadata.name}/${name} `)) continue
        if (state?.waiting === undefined || lastState?.terminated?.message !== undefined) continue
        lines.push(...(await this.#readLog(pod, name)))
      }
    return lines
  }

  /** `  shop  ✓ 1/3 host-1  ✓ 2/3 host-2        12.4s` */
  #progressLine(name: string): string {
    const { paint } = this.#terminal
    const record = this.#record(name)
    const phase = this.#ended.get(name)?.phase
    const sign =
      phase === undefined
        ? '…'
        : phase === 'Healthy'
          ? paint('green', '✓')
          : phase === 'Held'
            ? paint('yellow', '‖')
            : paint('red', '✗')
    const pods = record === undefined ? '' : this.#readyPods(record)
    const took = record?.status?.durationMs
    return `  ${name.padEnd(8)} ${sign} ${phase === undefined ? 'deploying' : phase.toLowerCase()}${pods}${took === undefined ? '' : `   ${durationText(took)}`}`
  }

  /** The pods that this record started and that are ready, in the order of their hosts. */
  #readyPods(record: RecordObject): string {
    const started = new Map<string, string>()
    for (const { action, pod, node } of record.status?.containers ?? [])
      if (action === 'started') started.set(pod, node)
    const since = record.spec.openedAt.slice(0, 19)
    const namespaces = new Set(record.spec.plan.changes.flatMap(({ ref }) => ref.namespace ?? []))
    const pods = [...namespaces]
      .flatMap(namespace => this.#view.pods.list(namespace))
      .filter(
        pod =>
          (pod.metadata.creationTimestamp ?? '') >= since && pod.metadata.deletionTimestamp === undefined,
      )
    const ready = pods.filter(isReady)
    const { paint } = this.#terminal
    return ready
      .map((pod, index) => `  ${paint('green', '✓')} ${index + 1}/${pods.length} ${pod.spec?.nodeName ?? ''}`)
      .join('')
  }

  #tellResult(root: App, affected: readonly string[]): number {
    const { print, paint } = this.#terminal
    const phases = affected.map(name => ({ name, phase: this.#ended.get(name)?.phase ?? 'Pending' }))
    const untouched = (root.status?.apps?.total ?? affected.length) - affected.length
    const parts = phases.map(({ name, phase }) => this.#resultOf(name, phase))
    if (untouched > 0) parts.push(`${untouched} apps untouched`)
    print(`${paint('bold', 'RESULT')}  ${parts.join('    ')}`)
    const bad = phases.filter(({ phase }) => phase !== 'Healthy').map(({ name }) => name)
    if (bad.length > 0) print(`${paint('bold', 'NEXT')}    ${this.#nextSteps(bad)}`)
    const records = affected.map(name => this.#record(name)?.metadata.name).filter(Boolean)
    if (records.length > 0)
      print(`${paint('bold', 'RECORD')}  ${records.join(', ')}   bowline show ${shortId(this.#commit)}`)
    if (phases.some(({ phase }) => phase === 'Failed')) return EXIT.failed
    if (phases.some(({ phase }) => phase === 'Held')) return EXIT.held
    return EXIT.ok
  }

  #resultOf(name: string, phase: string): string {
    const { paint } = this.#terminal
    if (phase === 'Healthy') return `${paint('green', '✓')} ${name} healthy`
    const { available, wanted } = this.#serving(name)
    const serves = wanted === 0 ? '' : `, ${available}/${wanted} still serve`
    return `${paint(phase === 'Held' ? 'yellow' : 'red', phase === 'Held' ? '‖' : '✗')} ${name} ${phase.toLowerCase()}${serves}`
  }

  #serving(name: string): { available: number; wanted: number } {
    const namespace = this.#view.apps.get(name)?.spec.namespace ?? 'default'
    let available = 0
    let wanted = 0
    for (const { spec, status } of this.#view.deployments.list(namespace)) {
      available += status?.availableReplicas ?? 0
      wanted += spec?.replicas ?? 1
    }
    return { available: Math.min(available, wanted), wanted }
  }

  #nextSteps(bad: readonly string[]): string {
    const ended = this.#ended.get(bad[0] ?? '')
    if (ended?.phase === 'Held')
      return ended.diagnostics.length > 0
        ? 'correct the file and push again; what ran before keeps running'
        : `to allow it, commit with the trailer \`Bowline-Allow-Delete: ${ended.deletes ?? 'all'}\` and push`
    return `kubectl -n ${ended?.namespace ?? 'default'} get pods   ·   bowline rollback`
  }

  #record(name: string): RecordObject | undefined {
    const ofApp = this.#view.records
      .list()
      .filter(({ spec }) => spec.app === name && spec.trigger !== 'drift')
    return ofApp.toSorted((a, b) => b.spec.sequence - a.spec.sequence)[0]
  }
}

/** Records are named `<app>-<sequence>`; 0 for none. */
function sequenceOf(record: string | undefined): number {
  return Number(/-(\d+)$/.exec(record ?? '')?.[1] ?? 0)
}

async function readLastLines(
  client: HttpsClient,
  { metadata }: Pod,
  container: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const path = apiPath(Kinds.Pod, metadata.namespace, metadata.name, 'log')
  const query = `container=${encodeURIComponent(container)}&previous=true&tailLines=${LOG_LINES}&limitBytes=${MAX_LOG_BYTES}`
  const chunks: Uint8Array[] = []
  try {
    for await (const chunk of client.stream(`${path}?${query}`, signal)) chunks.push(chunk)
  } catch {
    // The failure itself is told already; without its host there is no more to say.
    return []
  }
  const text = stripVTControlCharacters(Buffer.concat(chunks).toString('utf8')).trimEnd()
  return text === '' ? [] : text.split('\n')
}

function isReady(pod: Pod): boolean {
  return pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true
}
