import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Logger, messageOf } from '../../base/index.ts'
import type { Pod } from '../../kube/index.ts'
import { type AssignedPod, isAssigned } from './assigned-pod.ts'

/**
 * The pods of this node on disk, so that an agent that starts while the server is away (after a power cut, say) starts its pods
 * again. Specs only: no value of a Secret is in them. Best effort: what cannot be kept is told of and nothing more.
 */
export class Checkpoints {
  readonly #folder: string
  readonly #log: Logger
  /** What was last kept of a pod, by uid. */
  readonly #kept = new Map<string, string>()
  /** Writes follow one another. */
  #work: Promise<void> = Promise.resolve()

  constructor(folder: string, log: Logger) {
    this.#folder = folder
    this.#log = log
  }

  /** Everything that was kept, and is readable. */
  async load(): Promise<readonly AssignedPod[]> {
    const names = await readdir(this.#folder).catch(() => [])
    const pods = await Promise.all(
      names.filter(name => name.endsWith('.json')).map(name => readPod(join(this.#folder, name))),
    )
    return pods.filter(pod => pod !== undefined)
  }

  /** Keeps a pod, if what matters of it has changed. */
  save(pod: AssignedPod): void {
    const { uid } = pod.metadata
    const text = JSON.stringify(essence(pod))
    if (this.#kept.get(uid) === text) return
    this.#kept.set(uid, text)
    this.#then(async () => {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 })
      const path = join(this.#folder, `${uid}.json`)
      await writeFile(`${path}.new`, text, { mode: 0o600 })
      await rename(`${path}.new`, path)
    })
  }

  remove(uid: string): void {
    this.#kept.delete(uid)
    this.#then(() => rm(join(this.#folder, `${uid}.json`), { force: true }))
  }

  /** Forgets all but these: pods that were removed while no agent ran. */
  keepOnly(uids: ReadonlySet<string>): void {
    this.#then(async () => {
      for (const name of await readdir(this.#folder).catch(() => []))
        if (!uids.has(name.replace(/\.json(\.new)?$/, '')))
          await rm(join(this.#folder, name), { force: true })
    })
  }

  /** Resolves when everything asked for so far is on disk. */
  flushed(): Promise<void> {
    return this.#work
  }

  #then(write: () => Promise<void>): void {
    this.#work = this.#work.then(write).catch(error => {
      this.#log.warn('a pod was not kept on disk', { error: messageOf(error) })
    })
  }
}

/** Without the server's bookkeeping: whatever the server says later is newer. Of the status only what forbids to start again. */
function essence({ apiVersion, kind, metadata, spec, status }: AssignedPod): Pod {
  const { resourceVersion: _, managedFields: __, ...kept } = metadata
  const phase = status?.phase
  const isOver = phase === 'Succeeded' || phase === 'Failed'
  return { apiVersion, kind, metadata: kept, spec, ...(isOver ? { status: { phase } } : {}) }
}

async function readPod(path: string): Promise<AssignedPod | undefined> {
  try {
    const pod = JSON.parse(await readFile(path, 'utf8')) as Pod
    return isAssigned(pod) ? pod : undefined
  } catch {
    // Half a file of a host that lost power; the server has the pod.
    return undefined
  }
}
