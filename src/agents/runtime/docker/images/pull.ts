import { BowlineError, type Clock, type ErrorCode } from '../../../../base/index.ts'
import type { ImageStatus, RegistryAuth } from '../../runtime.ts'
import type { Engine } from '../engine/engine.ts'
import { engineError, reasonOf, statusOf } from '../engine/engine-error.ts'
import { readJsonLines } from '../engine/json-stream.ts'

/** A pull that reports no progress for so long has lost its registry. */
const SILENCE_MS = 120_000

/** What references are made of: nothing that has a meaning in the path of a request. */
const REFERENCE = /^[\w@:-][\w.@:-]*(?:\/[\w@:-][\w.@:-]*)*$/

export async function imageStatus(engine: Engine, image: string): Promise<ImageStatus | undefined> {
  // No reference, no such image; pulling it says so.
  if (!REFERENCE.test(image)) return undefined
  try {
    const answer = await engine.call<{
      Id: string
      RepoDigests?: readonly string[] | null
      Config?: { User?: string } | null
    }>({
      method: 'GET',
      path: `/images/${image}/json`,
      action: `inspect the image ${image}`,
    })
    const user = answer.Config?.User
    return {
      id: answer.Id,
      digests: answer.RepoDigests ?? [],
      ...(user !== undefined && user !== '' && { user }),
    }
  } catch (error) {
    const status = statusOf(error)
    // 400: not even a reference; no such image exists, and pulling it says so.
    if (status === 404 || status === 400) return undefined
    throw error
  }
}

export async function pullImage(
  engine: Engine,
  clock: Clock,
  image: string,
  auth: RegistryAuth | undefined,
  signal?: AbortSignal,
): Promise<ImageStatus> {
  const action = `pull the image ${image}`
  const { name, tag } = splitReference(image)
  const source = await engine
    .stream({
      method: 'POST',
      path: '/images/create',
      query: { fromImage: name, tag },
      action,
      timeoutMs: SILENCE_MS,
      ...(auth && {
        auth: { username: auth.username, password: auth.password, serveraddress: auth.server },
      }),
      ...(signal && { signal }),
    })
    .catch((error: unknown) => {
      throw statusOf(error) === undefined ? error : refusal(action, (error as Error).cause)
    })
  let failure: unknown
  const stop = (reason: unknown): void => {
    failure ??= reason
    source.destroy()
  }
  const onAbort = (): void => stop(signal?.reason)
  signal?.addEventListener('abort', onAbort, { once: true })
  let cancel = (): void => undefined
  const rearm = (): void => {
    cancel()
    cancel = clock.after(SILENCE_MS, () => stop(new Error(`no progress for ${SILENCE_MS / 1000} s`)))
  }
  rearm()
  try {
    for await (const line of readJsonLines(source)) {
      rearm()
      const { error } = line as { error?: unknown }
      if (typeof error === 'string') throw refusal(action, new Error(error))
    }
  } catch (error) {
    throw engineError(action, failure ?? error)
  } finally {
    cancel()
    signal?.removeEventListener('abort', onAbort)
  }
  const status = await imageStatus(engine, image)
  if (status === undefined)
    throw new BowlineError('unavailable', `Cannot ${action}: it was pulled but is gone again`, {
      retryable: true,
    })
  return status
}

/** Without a tag the engine would pull all of them. A digest goes where a tag does. */
export function splitReference(image: string): { name: string; tag: string } {
  const at = image.indexOf('@')
  if (at >= 0) return { name: image.slice(0, at), tag: image.slice(at + 1) }
  const colon = image.lastIndexOf(':')
  // A colon before a slash is the port of a registry.
  if (colon > image.lastIndexOf('/')) return { name: image.slice(0, colon), tag: image.slice(colon + 1) }
  return { name: image, tag: 'latest' }
}

/** The registry's answer only exists as text in the engine's; the words are those of the distribution protocol. */
function refusal(action: string, cause: unknown): BowlineError {
  const reason = reasonOf(cause)
  const code = codeOf(reason, statusOf(cause))
  return new BowlineError(code, `Cannot ${action}: ${reason}`, { cause, retryable: code === 'unavailable' })
}

function codeOf(reason: string, status: number | undefined): ErrorCode {
  if (/unauthorized|authentication required|no basic auth|access denied|denied:/i.test(reason))
    return 'unauthorized'
  if (/not found|manifest unknown|does not exist|no such image/i.test(reason) || status === 404)
    return 'not-found'
  if (status === 400) return 'bad-config'
  return 'unavailable'
}
