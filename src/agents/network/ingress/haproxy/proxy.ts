import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { BowlineError, type Clock, type Logger } from '../../../../base/index.ts'
import type { ProxyModel } from '../model.ts'
import { commandsBetween, needsReload } from './commands.ts'
import type { ProxyOptions } from './config.ts'
import { ProxyFiles } from './files.ts'
import { checkConfiguration, readInfo, reloadHaproxy, Sockets, startHaproxy, stopHaproxy } from './program.ts'
import { parseCertificateFiles, parseCertificateLines, parseServers, type RunningState } from './running.ts'
import { ask, carryOut, watchEnd } from './socket.ts'
import { digest, Files, type WantedState, wantedState } from './wanted.ts'

export interface HaproxyOptions {
  /** Its own, below the agent's data folder. */
  readonly folder: string
  /** Where the program is. */
  readonly program: string
  readonly proxy: ProxyOptions
  /** Key and certificate in PEM for server names that nobody has a certificate for. */
  readonly defaultCertificate: () => Promise<string>
  /** Called when a proxy that served is gone. */
  readonly onEnd: () => void
  readonly clock: Clock
  readonly log: Logger
}

/** Between two reloads: services that come together share one. */
const RELOAD_PAUSE_MS = 1000

/**
 * HAProxy as a process of its own. What it is told is a model; what it does is compared with that each time anew, as the proxy itself
 * tells it, so that one that was running before this agent is taken over like one that this agent started.
 */
export class Haproxy {
  readonly #options: HaproxyOptions
  readonly #files: ProxyFiles
  /** Digests of what the maps and certificates of the worker `#pid` are known to hold. */
  readonly #known = new Map<string, string>()
  /** Certificates that the program did not take: by file, the digest of what was refused. */
  readonly #refused = new Map<string, string>()
  #pid = 0
  #reloadedAt = Number.NEGATIVE_INFINITY
  #unwatch: (() => void) | undefined

  constructor(options: HaproxyOptions) {
    this.#options = options
    this.#files = new ProxyFiles(options.folder)
  }

  /** Takes over a proxy that runs, or starts one over the files of before where there are any. True when one serves. */
  async resume(): Promise<boolean> {
    const { folder, program, clock } = this.#options
    const hasFiles = await this.#files.prepare()
    if ((await readInfo(folder)) === undefined) {
      if (!hasFiles) return false
      await startHaproxy(program, folder, clock)
    }
    await this.#watch()
    return true
  }

  /** Key and certificate of a Secret as they were last served here. */
  certificate(secret: string): Promise<string | undefined> {
    return this.#files.certificate(secret)
  }

  /** Makes the proxy do what `model` says. Resolves when it does; throws when it cannot, and goes on as it was. */
  async apply(model: ProxyModel): Promise<void> {
    const { folder, program, clock } = this.#options
    await this.#files.prepare()
    const before = await this.#observe()
    const wanted = await this.#write(model, before)
    if (before === undefined) {
      await startHaproxy(program, folder, clock)
      await this.#tookFiles(wanted)
    } else if (needsReload(before, wanted)) await this.#reload(wanted)
    if (!(await this.#converge(wanted))) {
      await this.#reload(wanted)
      if (!(await this.#converge(wanted)))
        throw new BowlineError(
          'internal',
          'Cannot bring the ingress proxy to its state: it does not follow',
          {
            retryable: true,
          },
        )
    }
    await this.#files.tidy(wanted)
    await this.#watch()
  }

  /** Ends the proxy and forgets its files: nothing is served any more. */
  async stop(): Promise<void> {
    this.close()
    await purgeHaproxy(this.#options.folder, this.#options.clock)
  }

  /** Leaves the proxy as it is. */
  close(): void {
    this.#unwatch?.()
    this.#unwatch = undefined
  }

  async #observe(): Promise<RunningState | undefined> {
    const { folder } = this.#options
    const info = await readInfo(folder)
    if (info === undefined) return undefined
    if (info.pid !== this.#pid) this.#known.clear()
    this.#pid = info.pid
    const say = (line: string) => ask(join(folder, Sockets.worker), line)
    return {
      ...info,
      groups: parseServers(await say('show servers state')),
      certificateLines: parseCertificateLines(await say(`show ssl crt-list -n ${Files.certificateList}`)),
      certificateFiles: parseCertificateFiles(await say('show ssl cert')),
    }
  }

  /** Writes the files, without the certificates that the program refuses. */
  async #write(model: ProxyModel, running: RunningState | undefined): Promise<WantedState> {
    const { folder, program, proxy, defaultCertificate, log } = this.#options
    for (;;) {
      const whole = wantedState(model, proxy, running?.groups ?? new Map())
      const wanted = this.#withoutRefused(whole)
      await this.#files.write(wanted, await defaultCertificate())
      if (running !== undefined && !needsReload(running, wanted) && this.#hasAll(wanted)) return wanted
      const complaint = await checkConfiguration(program, folder)
      if (complaint === undefined) return wanted
      const bad = [...wanted.certificates].filter(([file]) => complaint.includes(file))
      for (const [file, pem] of bad) this.#refused.set(file, digest(pem))
      if (bad.length === 0)
        throw new BowlineError('internal', `Cannot configure the ingress proxy: ${complaint}`, {
          retryable: true,
        })
      log.warn('the ingress proxy refuses certificates', { complaint })
    }
  }

  #hasAll({ certificates }: WantedState): boolean {
    return [...certificates].every(([file, pem]) => this.#known.get(file) === digest(pem))
  }

  #withoutRefused(wanted: WantedState): WantedState {
    const isTaken = (file: string) => {
      const pem = wanted.certificates.get(file)
      return pem !== undefined && this.#refused.get(file) !== digest(pem)
    }
    return {
      ...wanted,
      certificates: new Map([...wanted.certificates].filter(([file]) => isTaken(file))),
      certificateLines: wanted.certificateLines.filter(({ file }) => isTaken(file)),
    }
  }

  async #reload(wanted: WantedState): Promise<void> {
    const { folder, clock, log } = this.#options
    const wait = this.#reloadedAt + RELOAD_PAUSE_MS - clock.now()
    if (wait > 0) await clock.sleep(wait)
    await reloadHaproxy(folder, wanted.base, clock)
    this.#reloadedAt = clock.now()
    log.info('reloaded the ingress proxy', { backends: wanted.groups.size })
    await this.#tookFiles(wanted)
  }

  /** A worker that has just started holds what the files say. */
  async #tookFiles({ maps, certificates }: WantedState): Promise<void> {
    this.#pid = (await readInfo(this.#options.folder))?.pid ?? 0
    this.#known.clear()
    this.#knows(maps)
    this.#knows(certificates)
  }

  #knows(contents: ReadonlyMap<string, string>): void {
    for (const [name, text] of contents) this.#known.set(name, digest(text))
  }

  /** True when the proxy came to the wanted state by commands. */
  async #converge(wanted: WantedState): Promise<boolean> {
    for (let round = 0; round < 2; round += 1) {
      const running = await this.#observe()
      if (running === undefined || needsReload(running, wanted)) return false
      const commands = commandsBetween(running, this.#known, wanted)
      if (commands.length === 0) return true
      await carryOut(join(this.#options.folder, Sockets.worker), commands)
      this.#knows(wanted.maps)
      this.#knows(wanted.certificates)
    }
    const running = await this.#observe()
    return running !== undefined && commandsBetween(running, this.#known, wanted).length === 0
  }

  async #watch(): Promise<void> {
    if (this.#unwatch !== undefined) return
    const ended = () => {
      this.#unwatch = undefined
      this.#options.onEnd()
    }
    // The master closes what is connected to it when it reloads, too: whoever is called looks anew.
    this.#unwatch = await watchEnd(join(this.#options.folder, Sockets.master), ended).catch(() => undefined)
  }
}

/** Ends the proxy that runs over this folder, if any, and removes the folder. */
export async function purgeHaproxy(folder: string, clock: Clock): Promise<void> {
  await stopHaproxy(folder, clock)
  await rm(folder, { recursive: true, force: true })
}
