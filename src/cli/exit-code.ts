import { BowlineError, causesOf, hasCode, isAborted } from '../base/index.ts'
import { StatusError } from '../kube/index.ts'

/** What a command's exit code means; the same for every command. */
export const EXIT = {
  ok: 0,
  failed: 1,
  /** `plan`: there are changes. */
  changes: 2,
  /** `follow`: an app is held. */
  held: 3,
  /** A wrong command line, as sysexits' EX_USAGE. */
  usage: 64,
  /** A deadline passed, as `timeout(1)`. */
  deadline: 124,
} as const

/** A command that ends with this code and has said why already. */
export class Exit extends Error {
  readonly code: number

  constructor(code: number) {
    super(`exit ${code}`)
    this.name = 'Exit'
    this.code = code
  }
}

/** What went wrong and what to do next, for a person. */
export function explain(error: unknown): string {
  const lines: string[] = []
  for (const cause of causesOf(error)) {
    const message = cause instanceof Error ? cause.message : String(cause)
    if (message !== '' && !lines.some(line => line.includes(message))) lines.push(message)
  }
  const next = nextStep(error)
  return `error: ${lines.slice(0, 3).join(': ')}${next === undefined ? '' : `\n  next: ${next}`}`
}

const RIGHT_KUBECONFIG =
  'this kubeconfig is of another cluster, or too old: print a fresh one with `bowline kubeconfig` on the server, and pass it with --kubeconfig'

function nextStep(error: unknown): string | undefined {
  for (const cause of causesOf(error)) {
    if (cause instanceof BowlineError && typeof cause.data.next === 'string') return cause.data.next
    if (cause instanceof StatusError && cause.reason === 'Unauthorized') return RIGHT_KUBECONFIG
  }
  if (hasCode(error, 'unauthorized')) return RIGHT_KUBECONFIG
  if (hasCode(error, 'unavailable'))
    return 'is the server running? start it with `bowline up`, or name it with --kubeconfig or --data-dir'
  return undefined
}

/** The exit code of a thrown error. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof Exit) return error.code
  return isAborted(error) ? 130 : EXIT.failed
}
