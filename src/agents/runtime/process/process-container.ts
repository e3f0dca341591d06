import { type FSWatcher, watch } from 'node:fs'
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { kill } from 'node:process'
import { BowlineError, type Clock, isObject, type Logger } from '../../../base/index.ts'
import type { ContainerConfig, ContainerStatus, LogLine, LogOptions } from '../runtime.ts'
import { readKeptJson } from './kept-json.ts'
import { LogFiles } from './log-files.ts'
import { isAlive, ownerOf, type ProcessIdentity, parseIdentity } from './process-identity.ts'
import type { RunUser } from './run-user.ts'
import { Files, findProgram, type Invocation, invocationOf, spawnContainer } from './spawn-container.ts'

/** What was asked for, kept until the container is removed. */
export interface ContainerRecord {
  readonly id: string
  readonly sandboxId: string
  readonly config: ContainerConfig
  readonly createdAt: number
}

/** How a container ended, where its runner could not say so itself. */
interface Verdict {
  readonly exitCode: number
  readonly reason: string
  readonly message: string
  readonly finishedAt: number
}

/** How often something is looked at again that nobody announces. */
const POLL_MS = 20
/** A runner reports itself in milliseconds; one that has not after this was killed before it could. */
const REPORT_WITHIN_MS = 5_000
/** How long the output of what has exited is waited for. */
const DRAIN_MS = 2_000
/** Processes that were killed are gone by then, or stuck in the kernel. */
const KILL_WITHIN_MS = 10_000

/**
 * One container of host processes. Everything about it is in its folder: `config.json`, what the programs of
 * `scripts.ts` wrote, and the log. So a new agent finds it as the one before left it.
 */
export class ProcessContainer {
  readonly record: ContainerRecord
  readonly #folder: string
  readonly #user: RunUser
  readonly #clock: Clock
  readonly #logFiles: LogFiles
  readonly #onExit: () => void
  #watcher: FSWatcher | undefined
  #exited = false

  constructor(
    record: ContainerRecord,
    options: {
      readonly folder: string
      readonly user: RunUser
      readonly clock: Clock
      readonly log: Logger
      /** Called once, when the container has exited. */
      readonly onExit: () => void
    },
  ) {
    this.record = record
    this.#folder = options.folder
    this.#user = options.user
    this.#clock = options.clock
    this.#logFiles = new LogFiles(options.folder, options.clock, options.log)
    this.#onExit = options.onExit
  }

  /** Writes the folder of a container that is new. */
  async save(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    await this.#writeJson('config.json', this.record)
  }

  async status(): Promise<ContainerStatus> {
    const { id, sandboxId, config, createdAt } = this.record
    return {
      id,
      sandboxId,
      pod: config.pod,
      name: config.name,
      attempt: config.attempt,
      image: config.image,
      imageId: config.image,
      specHash: config.specHash,
      ...(config.home !== undefined && { home: config.home }),
      createdAt,
      ...(await this.#progress()),
    }
  }

  async start(): Promise<void> {
    const invocation = await invocationOf(this.record.config)
    if ((await findProgram(invocation)) === undefined) {
      const message = `exec: "${invocation.command[0]}": executable file not found`
      await this.#conclude({ exitCode: 127, reason: 'ContainerCannotRun', message })
      throw new BowlineError(
        'bad-config',
        `Cannot start the container ${this.record.config.name}: ${message}`,
      )
    }
    const runner = await spawnContainer(this.#folder, invocation, this.#user)
    this.watch()
    // The watcher tells sooner; this one cannot be missed.
    runner.once('exit', () => void this.look())
    await this.#until(
      async () => (await this.#processes()).main !== undefined || (await this.#hasExited()),
      REPORT_WITHIN_MS,
    )
  }

  /** Follows the container's folder: output is taken into the log, an exit is told. */
  watch(): void {
    if (this.#watcher !== undefined || this.#exited) return
    this.#watcher = watch(this.#folder, { persistent: false }, (_, name) => {
      if (name === null || name === Files.exitCode) void this.look()
      else if (/^(stdout|stderr)\./.test(name)) this.#logFiles.takeIn(false).catch(() => undefined)
    })
    // The folder of a removed container; the removal says so elsewhere.
    this.#watcher.on('error', () => this.unwatch())
  }

  unwatch(): void {
    this.#watcher?.close()
    this.#watcher = undefined
  }

  /** Takes in what happened since the last look. Called for each sign and, as the safety net, once in a while. */
  async look(): Promise<void> {
    if (this.#exited) return
    const status = await this.status().catch(() => undefined)
    if (status === undefined || this.#exited) return
    if (status.state !== 'exited') {
      await this.#logFiles.takeIn(false).catch(() => undefined)
      return
    }
    this.#exited = true
    this.unwatch()
    this.#onExit()
    await this.#finishLog()
  }

  async stop(graceMs: number): Promise<void> {
    const { main } = await this.#processes()
    if (main === undefined || (await this.#hasExited())) return
    if (graceMs > 0) {
      await this.#signal(main, 'SIGTERM')
      await this.#until(() => this.#hasExited(), graceMs)
    }
    if (!(await this.#hasExited())) {
      await this.#signal(main, 'SIGKILL')
      await this.#until(() => this.#hasExited(), KILL_WITHIN_MS)
    }
    await this.look()
  }

  /** Kills what runs and deletes the folder. */
  async remove(): Promise<void> {
    await this.stop(0)
    this.unwatch()
    await this.#logFiles.takeIn(true).catch(() => undefined)
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 3 })
  }

  async *logs(options: LogOptions, signal: AbortSignal): AsyncGenerator<LogLine, void, void> {
    if (await this.#hasExited()) await this.#finishLog()
    else await this.#logFiles.takeIn(false)
    yield* this.#logFiles.read(options, signal)
  }

  /** For commands that run beside the container's own, as the same user in the same surroundings. */
  async invocation(): Promise<Invocation> {
    return await invocationOf(this.record.config)
  }

  async #progress(): Promise<
    Pick<ContainerStatus, 'state' | 'startedAt' | 'finishedAt' | 'exitCode' | 'reason' | 'message'>
  > {
    const spawnedAt = await this.#timeOf(Files.processes)
    // Files carry the time of the last timer tick, which may be before the clock that stamped the record.
    const startedAt = spawnedAt && Math.max(spawnedAt, this.record.createdAt)
    const verdict = await this.#verdict()
    if (verdict !== undefined)
      return { state: 'exited', startedAt: startedAt ?? verdict.finishedAt, ...verdict }
    if (startedAt === undefined) return { state: 'created' }
    const exit = await this.#exitFile()
    if (exit !== undefined)
      return {
        state: 'exited',
        startedAt,
        ...exit,
        reason: exit.exitCode === 0 ? 'Completed' : 'Error',
      }
    if (await this.#isSupervised(startedAt)) return { state: 'running', startedAt }
    // The runner may have ended between the two looks.
    if ((await this.#exitFile()) === undefined) await this.#concludeLost()
    return await this.#progress()
  }

  async #isSupervised(startedAt: number): Promise<boolean> {
    const { self } = await this.#processes()
    if (self === undefined) return this.#clock.now() - startedAt < REPORT_WITHIN_MS
    return await isAlive(self)
  }

  /** The runner was killed, or the machine started anew: what it had started must not go on without it. */
  async #concludeLost(): Promise<void> {
    const { main } = await this.#processes()
    if (main !== undefined) await this.#signal(main, 'SIGKILL')
    await this.#conclude({
      exitCode: 137,
      reason: 'Error',
      message: 'What watched over the process was killed; the process was ended and its exit code is unknown',
    })
  }

  async #conclude(verdict: Omit<Verdict, 'finishedAt'>): Promise<void> {
    try {
      await this.#writeJson('verdict.json', { ...verdict, finishedAt: this.#clock.now() })
    } catch (error) {
      // It is being removed, and nobody will ask how it ended.
      if ((error as { code?: unknown }).code !== 'ENOENT') throw error
    }
  }

  async #verdict(): Promise<Verdict | undefined> {
    const value = await readKeptJson(join(this.#folder, 'verdict.json'))
    return isObject(value) ? (value as unknown as Verdict) : undefined
  }

  async #exitFile(): Promise<{ exitCode: number; finishedAt: number } | undefined> {
    const text = await readFile(join(this.#folder, Files.exitCode), 'utf8').catch(() => '')
    const match = /^(\d{1,3})\n/.exec(text)
    const finishedAt = await this.#timeOf(Files.exitCode)
    return match === null || finishedAt === undefined ? undefined : { exitCode: Number(match[1]), finishedAt }
  }

  async #hasExited(): Promise<boolean> {
    return (await this.status()).state === 'exited'
  }

  /** Who runs, as the runner told: itself and the command. */
  async #processes(): Promise<{ readonly self?: ProcessIdentity; readonly main?: ProcessIdentity }> {
    const text = await readFile(join(this.#folder, Files.processes), 'utf8').catch(() => '')
    const found: { self?: ProcessIdentity; main?: ProcessIdentity } = {}
    for (const line of text.split('\n').slice(0, -1)) {
      const parsed = parseIdentity(line)
      if (parsed?.role === 'self') found.self ??= parsed.identity
      if (parsed?.role === 'main') found.main ??= parsed.identity
    }
    return found
  }

  /**
   * To the command's whole process group. The report comes from a process of the container's user, so nothing is
   * signalled that is not that user's and not the process that was reported: an agent that is root must not be made to
   * kill for others.
   */
  async #signal(main: ProcessIdentity, signal: NodeJS.Signals): Promise<void> {
    if (!(await isAlive(main)) || (await ownerOf(main.pid)) !== this.#user.uid) return
    try {
      kill(-main.pid, signal)
    } catch {
      // Not yet the head of a group, or gone.
      try {
        kill(main.pid, signal)
      } catch {}
    }
  }

  async #finishLog(): Promise<void> {
    const ranAtAll = (await this.#timeOf(Files.processes)) !== undefined
    if (ranAtAll) await this.#until(async () => (await this.#timeOf(Files.drained)) !== undefined, DRAIN_MS)
    await this.#logFiles.takeIn(true).catch(() => undefined)
  }

  async #timeOf(name: string): Promise<number | undefined> {
    return await stat(join(this.#folder, name)).then(
      ({ birthtimeMs, mtimeMs }) =>
        Math.floor(name === Files.processes && birthtimeMs > 0 ? birthtimeMs : mtimeMs),
      () => undefined,
    )
  }

  async #until(isDone: () => Promise<boolean>, withinMs: number): Promise<void> {
    const deadline = this.#clock.now() + withinMs
    while (!(await isDone()) && this.#clock.now() < deadline) await this.#clock.sleep(POLL_MS)
  }

  async #writeJson(name: string, value: unknown): Promise<void> {
    const path = join(this.#folder, name)
    await writeFile(`${path}.new`, JSON.stringify(value), { mode: 0o600 })
    await rename(`${path}.new`, path)
  }
}
