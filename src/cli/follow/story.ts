import { stripVTControlCharacters } from 'node:util'
import type { Clock } from '../../base/index.ts'
import type { App, Pod } from '../../kube/index.ts'
import { durationText } from '../duration-text.ts'
import { EXIT } from '../exit-code.ts'
import { changeLine, countsText, diagnosticLines, nameWidth, shortId, waitsForOthers } from '../plan-text.ts'
import { hang, printable } from '../printable.ts'
import type { Terminal } from '../terminal.ts'
import { type AppEnd, endOf, failureLines, recordOf } from './app-end.ts'
import { type Rollout, rolloutOfRef, rolloutsIn } from './rollout.ts'
import type { View } from './view.ts'

/** Lines of one kind that are shown; the rest is counted, and `bowline show` has it. */
const MAX_LINES = 40

/** Pods that one line names one by one. */
const MAX_PODS = 6

/** Where durations stand in the lines of apps. */
const TIME_COLUMN = 58

export interface StoryParts {
  readonly view: View
  readonly terminal: Terminal
  readonly clock: Clock
  readonly commit: string
  /** The pods of a namespace as they are now, by the server's word: the caches may be behind what an app's end speaks of. */
  readonly readPods: (namespace: string) => Promise<readonly Pod[]>
  /** The end of what a container that ended has said; empty when it cannot be had. */
  readonly readLog: (pod: Pod, container: string) => Promise<readonly string[]>
}

/** A container that ended, which is why an app failed. */
interface Crash {
  readonly pod: Pod
  readonly container: string
  /** What it left to be told of its end. */
  readonly message: string | undefined
}

/** Tells each part of a commit's story once, in order, as the caches come to show it. */
export class Story {
  readonly #view: View
  readonly #terminal: Terminal
  readonly #clock: Clock
  readonly #commit: string
  readonly #readPods: StoryParts['readPods']
  readonly #readLog: StoryParts['readLog']
  readonly #begun = new Map<string, number>()
  readonly #ended = new Map<string, AppEnd>()
  readonly #crashes = new Map<string, readonly Crash[]>()
  #root: App | undefined
  #hasTitle = false
  #hasPlan = false

  constructor({ view, terminal, clock, commit, readPods, readLog }: StoryParts) {
    this.#view = view
    this.#terminal = terminal
    this.#clock = clock
    this.#commit = commit
    this.#readPods = readPods
    this.#readLog = readLog
  }

  /** Whether the server has looked at the commit. */
  get isSeen(): boolean {
    return this.#hasTitle
  }

  /** The apps that have not ended yet. */
  get waiting(): readonly string[] {
    return this.#affected().filter(name => !this.#ended.has(name))
  }

  /** For people, what each app that has not ended waits for, as far as the server has said it. */
  tellWaiting(): void {
    for (const name of this.waiting)
      for (const line of this.#messageOf(name).split('; '))
        if (line !== '') this.#terminal.print(`  ${name.padEnd(8)} ${hang(line, '             ')}`)
  }

  /** Prints what is new. The exit code, or that a newer commit took over, once everything has ended. */
  async tell(): Promise<number | 'superseded' | undefined> {
    this.#look()
    const affected = this.#affected()
    if (this.#root === undefined && affected.length === 0) return undefined
    this.#tellTitle()
    this.#tellPlan(affected)
    for (const name of affected) await this.#tellEnd(name)
    if (this.waiting.length > 0) {
      this.#terminal.progress(this.waiting.map(name => this.#progressLine(name)))
      return undefined
    }
    if ([...this.#ended.values()].some(({ phase }) => phase === 'Superseded')) return 'superseded'
    return this.#tellResult(affected)
  }

  /** The root, as it was when the commit was last its newest: a commit that a newer one overtakes keeps its own end. */
  #look(): void {
    this.#root =
      this.#view.apps
        .list()
        .find(
          app => !app.metadata.ownerReferences?.length && app.status?.observedRevision === this.#commit,
        ) ?? this.#root
  }

  /** The apps that the commit touches, by the server's word, or by the records that it has of the commit. */
  #affected(): readonly string[] {
    const recorded = this.#view.records.list().map(({ spec }) => spec.app)
    return this.#root?.status?.apps?.affected ?? [...new Set(recorded)].sort()
  }

  #total(): number {
    return Math.max(this.#root?.status?.apps?.total ?? 0, this.#affected().length)
  }

  #tellTitle(): void {
    if (this.#hasTitle) return
    this.#hasTitle = true
    const { print, paint } = this.#terminal
    const [record] = this.#view.records.list()
    const known = this.#root?.status?.commit
    const subject = printable(known?.subject ?? record?.spec.commit.subject ?? '')
    const author = printable(known?.author ?? record?.spec.commit.author.name ?? '')
    print(`${paint('yellow', shortId(this.#commit))} "${subject}"  <${author}>`)
  }

  #tellPlan(affected: readonly string[]): void {
    const looked = affected.every(
      name => recordOf(this.#view, name) !== undefined || endOf(this.#view, name, this.#commit) !== undefined,
    )
    if (this.#hasPlan || !looked) return
    this.#hasPlan = true
    const { print, paint } = this.#terminal
    const records = affected.flatMap(name => recordOf(this.#view, name) ?? [])
    const counts = { create: 0, configure: 0, delete: 0 }
    for (const { spec } of records)
      for (const word of ['create', 'configure', 'delete'] as const) counts[word] += spec.plan.counts[word]
    const changing = records.filter(({ spec }) => spec.plan.changes.length > 0).length
    print(`${paint('bold', 'PLAN')}    ${changing} of ${this.#total()} apps change: ${countsText(counts)}`)
    const changes = records.flatMap(({ spec }) =>
      printable(spec.plan.changes).map(change => ({ app: spec.app, change })),
    )
    const shown = changes.slice(0, MAX_LINES)
    const width = nameWidth(shown)
    for (const { app, change } of shown) print(changeLine(app, change, paint, width))
    if (changes.length > MAX_LINES) print(`  … and ${changes.length - MAX_LINES} more`)
    if (records.length > 0) print(paint('bold', 'DEPLOY'))
  }

  async #tellEnd(name: string): Promise<void> {
    if (this.#ended.has(name) || !this.#hasPlan) return
    const end = endOf(this.#view, name, this.#commit)
    if (end === undefined) return
    this.#ended.set(name, end)
    if (end.phase === 'Unchanged') return
    if (end.phase === 'Failed') this.#crashes.set(name, await this.#crashesIn(name, end))
    const { print, paint } = this.#terminal
    print(this.#endLine(name, end))
    for (const diagnostic of end.diagnostics.slice(0, MAX_LINES))
      for (const line of diagnosticLines(diagnostic, this.#commit, paint)) print(line)
    if (end.phase === 'Failed' || (end.phase === 'Held' && end.diagnostics.length === 0)) {
      for (const line of failureLines(end)) print(`           ${hang(line, '             ')}`)
      for (const line of await this.#lastWords(name)) print(`             ${line}`)
    }
  }

  /** The end of the log of each crashing container that an app's message names and that left no message of its own. */
  async #lastWords(name: string): Promise<readonly string[]> {
    const lines: string[] = []
    for (const { pod, container, message } of this.#crashes.get(name) ?? [])
      if (message === undefined) lines.push(...(await this.#readLog(pod, container)))
    return lines
  }

  async #crashesIn(name: string, { message }: AppEnd): Promise<readonly Crash[]> {
    const pods = await this.#readPods(this.#namespaceOf(name))
    return pods.flatMap(pod =>
      (pod.status?.containerStatuses ?? [])
        .filter(
          ({ name, lastState }) => message.includes(`${pod.metadata.name}/${name} `) && lastState?.terminated,
        )
        .map(({ name, lastState }) => ({ pod, container: name, message: lastState?.terminated?.message })),
    )
  }

  #namespaceOf(name: string): string {
    return this.#view.apps.get(name)?.spec.namespace ?? 'default'
  }

  /** `  shop     ✓ 1/3 host-1  ✓ 2/3 host-2  …                  4.2s   1 of 3 replicas …` */
  #progressLine(name: string): string {
    const { paint } = this.#terminal
    const since = this.#begun.get(name) ?? this.#clock.now()
    this.#begun.set(name, since)
    // Of a workload and what keeps its pods from becoming ready only the latter: the pods are counted already.
    const obstacle = this.#messageOf(name).split('; ').at(-1) ?? ''
    const text = [this.#podsText(name), paint('cyan', '…')].filter(part => part !== '').join('  ')
    const line = this.#line(name, text, `${Math.floor((this.#clock.now() - since) / 1_000)}s`)
    return obstacle === '' ? line : `${line}   ${paint('gray', obstacle.replaceAll('\n', ' '))}`
  }

  /** What the server says of an app that is on its way; empty when it says nothing of this commit. */
  #messageOf(name: string): string {
    const { status } = this.#view.apps.get(name) ?? {}
    const isWaiting = status?.observedRevision === this.#commit && status.phase === 'Progressing'
    return isWaiting ? printable(status.message ?? '') : ''
  }

  #endLine(name: string, { phase, message, tookMs }: AppEnd): string {
    const { paint } = this.#terminal
    const pods = this.#podsText(name)
    const text = {
      Healthy: pods === '' ? `${paint('green', '✓')} ${message}` : pods,
      Failed: `${paint('red', '✗')} failed`,
      Held: `${paint('yellow', '‖')} held`,
      Superseded: `${paint('gray', '–')} a newer commit took over`,
      Unchanged: '',
    }[phase]
    return this.#line(name, text, phase === 'Held' || tookMs === undefined ? '' : durationText(tookMs))
  }

  #line(name: string, text: string, time: string): string {
    const line = `  ${name.padEnd(8)} ${text}`
    return time === '' ? line : `${line}${' '.repeat(Math.max(3, TIME_COLUMN - visibleLength(line)))}${time}`
  }

  /** `✓ 1/3 host-1  ✓ 2/3 host-2`, or only how many of how many on how many hosts where they are more than fit a line. */
  #podsText(name: string): string {
    const { paint } = this.#terminal
    const rollouts = this.#rollouts(name)
    const wanted = rollouts.reduce((sum, rollout) => sum + rollout.wanted, 0)
    const ready = rollouts.flatMap(rollout => rollout.ready)
    if (wanted <= MAX_PODS && ready.length <= MAX_PODS)
      return ready.map((host, index) => `${paint('green', '✓')} ${index + 1}/${wanted} ${host}`).join('  ')
    const hosts = new Set(ready).size
    return `${paint('green', '✓')} ${ready.length}/${wanted} on ${hosts} ${hosts === 1 ? 'host' : 'hosts'}`
  }

  /** Of the Deployments and StatefulSets that the commit writes in an app. */
  #rollouts(name: string): readonly Rollout[] {
    const changes = recordOf(this.#view, name)?.spec.plan.changes ?? []
    return changes.flatMap(({ action, ref }) =>
      action === 'delete' ? [] : (rolloutOfRef(ref, this.#view) ?? []),
    )
  }

  #tellResult(affected: readonly string[]): number {
    const { print, paint } = this.#terminal
    const ends = affected.flatMap(name => {
      const end = this.#ended.get(name)
      return end === undefined || end.phase === 'Unchanged' ? [] : [{ name, end }]
    })
    const held = this.#root?.status?.diagnostics ?? []
    const isRootHeld = this.#tellRootProblems(affected)
    const parts = ends.map(({ name, end }) => this.#resultOf(name, end))
    const untouched = this.#total() - ends.length
    if (parts.length > MAX_PODS) parts.splice(0, parts.length, ...this.#summary(ends))
    if (untouched > 0) parts.push(`${untouched} ${untouched === 1 ? 'app' : 'apps'} untouched`)
    if (isRootHeld)
      parts.unshift(
        `${paint('yellow', '‖')} held by ${held.length === 1 ? 'a mistake' : `${held.length} mistakes`}`,
      )
    print(`${paint('bold', 'RESULT')}  ${parts.join('    ')}`)
    const next = this.#nextStep(ends, isRootHeld)
    if (next !== undefined) print(`${paint('bold', 'NEXT')}    ${next}`)
    const records = ends.flatMap(({ end }) => end.record?.metadata.name ?? [])
    if (records.length > 0) {
      const more = records.length > MAX_PODS ? ` and ${records.length - MAX_PODS} more` : ''
      const names = `${records.slice(0, MAX_PODS).join(', ')}${more}`
      print(`${paint('bold', 'RECORD')}  ${names}   bowline show ${shortId(this.#commit)}`)
    }
    if (ends.some(({ end }) => end.phase === 'Failed')) return EXIT.failed
    return isRootHeld || ends.some(({ end }) => end.phase === 'Held') ? EXIT.held : EXIT.ok
  }

  /** What is wrong with the repository as a whole belongs to no app. An app that is its own root has told its mistakes already. */
  #tellRootProblems(affected: readonly string[]): boolean {
    const { metadata, status } = this.#root ?? {}
    const isOwn = metadata?.name !== undefined && affected.includes(metadata.name)
    const diagnostics = isOwn ? [] : printable(status?.diagnostics ?? [])
    for (const diagnostic of diagnostics.slice(0, MAX_LINES))
      for (const line of diagnosticLines(diagnostic, this.#commit, this.#terminal.paint))
        this.#terminal.print(line)
    return diagnostics.length > 0
  }

  #summary(ends: readonly { readonly name: string; readonly end: AppEnd }[]): readonly string[] {
    const { paint } = this.#terminal
    const well = ends.filter(({ end }) => end.phase === 'Healthy').length
    const others = ends.filter(({ end }) => end.phase !== 'Healthy')
    return [
      ...(well > 0 ? [`${paint('green', '✓')} ${well} apps healthy`] : []),
      ...others.slice(0, MAX_PODS).map(({ name, end }) => this.#resultOf(name, end)),
      ...(others.length > MAX_PODS ? [`and ${others.length - MAX_PODS} more not healthy`] : []),
    ]
  }

  #resultOf(name: string, { phase }: AppEnd): string {
    const { paint } = this.#terminal
    if (phase === 'Healthy') return `${paint('green', '✓')} ${name} healthy`
    const sign = phase === 'Held' ? paint('yellow', '‖') : paint('red', '✗')
    return `${sign} ${name} ${phase.toLowerCase()}${this.#servingText(name)}`
  }

  /** `, 1.9 still serves 2/2`: what runs of an app while its newest commit does not. */
  #servingText(name: string): string {
    const rollouts = rolloutsIn(this.#namespaceOf(name), this.#view)
    const serving = rollouts.flatMap(({ serving: older, ready, wanted, version: newest }) => {
      const version = older?.version === newest ? 'the old version' : (older?.version ?? newest)
      const available = older?.available ?? ready.length
      // A bare number does not say what it counts.
      const named = /^\d+$/.test(version) ? `version ${version}` : version
      return available === 0 ? [] : `${named} still serves ${Math.min(available, wanted)}/${wanted}`
    })
    return [...new Set(serving)]
      .slice(0, 2)
      .map(text => `, ${text}`)
      .join('')
  }

  #nextStep(
    ends: readonly { readonly name: string; readonly end: AppEnd }[],
    isRootHeld: boolean,
  ): string | undefined {
    const failed = ends.find(({ end }) => end.phase === 'Failed')
    const held = ends.find(({ end }) => end.phase === 'Held')
    if (failed !== undefined)
      return `${this.#inspection(failed.name)}   ·   bowline rollback ${shortId(this.#commit)}`
    if (!isRootHeld && held !== undefined && waitsForOthers(held.end.diagnostics))
      return 'remove it from one of the two repositories and push; what ran before keeps running'
    if (isRootHeld || (held !== undefined && held.end.diagnostics.length > 0))
      return 'correct the file and push again; what ran before keeps running'
    if (held === undefined) return undefined
    return `to allow it, commit with the trailer \`Bowline-Allow-Delete: ${held.end.deletes ?? 'all'}\` and push`
  }

  #inspection(app: string): string {
    const [crash] = this.#crashes.get(app) ?? []
    if (crash === undefined) return `bowline show ${shortId(this.#commit)}`
    const { namespace, name } = crash.pod.metadata
    return `kubectl -n ${namespace} logs ${name} -c ${crash.container} --previous`
  }
}

function visibleLength(line: string): number {
  return [...stripVTControlCharacters(line)].length
}
