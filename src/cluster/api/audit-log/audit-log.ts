import { type Logger, messageOf, type Service } from '../../../base/index.ts'
import { nodeNameOf } from '../auth/identity.ts'
import { type AuditedRequest, auditEvent } from './audit-event.ts'
import { RotatingFile, type RotatingFileLimits } from './rotating-file.ts'

/** Ten files of 10 MiB: some hundred thousand writes. */
const DEFAULT_LIMITS: RotatingFileLimits = { maxBytes: 10 * 1024 * 1024, kept: 9 }

/** What may wait to be written; beyond it events are lost, and counted, rather than requests held up. */
const MAX_WAITING_CHARACTERS = 8 * 1024 * 1024

/** Reviews ask and change nothing, although they are created. */
const REVIEW_GROUPS: ReadonlySet<string> = new Set(['authentication.k8s.io', 'authorization.k8s.io'])

export interface AuditLogOptions {
  readonly path: string
  readonly limits?: RotatingFileLimits
  readonly log: Logger
}

/**
 * The API's audit log: one line of JSON for every write that came over HTTPS, whatever became of it. What agents report of themselves all the
 * time (leases, states) is left out, as upstream's own policies do. Lines reach the disk soon after the answer: the last ones may be lost with
 * the machine.
 */
export class ApiAuditLog implements Service {
  readonly #file: RotatingFile
  readonly #path: string
  readonly #log: Logger
  #waiting: string[] = []
  #waitingCharacters = 0
  #lost = 0
  #wake: () => void = () => undefined

  constructor({ path, limits = DEFAULT_LIMITS, log }: AuditLogOptions) {
    this.#file = new RotatingFile(path, limits)
    this.#path = path
    this.#log = log
  }

  /** Takes a request that has been answered; it is written later. Never throws. */
  record(request: AuditedRequest): void {
    if (!isOfInterest(request)) return
    const line = `${JSON.stringify(auditEvent(request))}\n`
    if (this.#waitingCharacters + line.length > MAX_WAITING_CHARACTERS) {
      this.#lost += 1
      return
    }
    this.#waiting.push(line)
    this.#waitingCharacters += line.length
    this.#wake()
  }

  /** Writes until the signal aborts, and then what is left. */
  async start(signal: AbortSignal): Promise<void> {
    const wake = (): void => this.#wake()
    signal.addEventListener('abort', wake, { once: true })
    while (!signal.aborted || this.#waiting.length > 0) {
      if (this.#waiting.length === 0) await new Promise<void>(resolve => (this.#wake = resolve))
      await this.#write()
    }
    await this.#file.close()
  }

  /** A log that cannot be written stops nothing: what is lost is told once it can be written again, or at once when it begins. */
  async #write(): Promise<void> {
    const lines = this.#waiting
    this.#waiting = []
    this.#waitingCharacters = 0
    if (lines.length === 0) return
    try {
      await this.#file.append(lines.join(''))
    } catch (error) {
      if (this.#lost === 0)
        this.#log.error('The audit log cannot be written: events are lost until it can', {
          path: this.#path,
          error: messageOf(error),
        })
      this.#lost += lines.length
      return
    }
    if (this.#lost > 0)
      this.#log.warn('The audit log is written again', { path: this.#path, lost: this.#lost })
    this.#lost = 0
  }
}

const READS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

function isOfInterest({ method, requester, resource }: AuditedRequest): boolean {
  if (READS.has(method)) return false
  if (resource === undefined) return true
  if (REVIEW_GROUPS.has(resource.group)) return false
  const isReport =
    resource.subresource === 'status' || resource.resource === 'leases' || resource.resource === 'events'
  return !(isReport && requester !== undefined && nodeNameOf(requester) !== undefined)
}
