/** Speaking with one remote repository on behalf of a bare one here. Errors are BowlineErrors without secrets. */
export interface Remote {
  /** The id that the remote's branch has now (the refs advertisement only); undefined when there is no such branch. */
  ask(branch: string, signal: AbortSignal): Promise<string | undefined>
  /** Brings the branch's whole history here; the id that it had then. */
  fetch(branch: string, signal: AbortSignal): Promise<string>
  /** Moves the remote's branch to a commit that is here, never backwards. Throws `conflict` when it does not descend from the remote's. */
  push(oid: string, branch: string, signal: AbortSignal): Promise<void>
}

/** The largest pack that is fetched without a git command. */
export const MAX_PACK_BYTES: number = 1024 * 1024 * 1024

/** The ref here under which a fetch leaves what it brought, before the branch follows. */
export const FETCHED_REF: string = 'refs/bowline/fetched'
