import { join } from 'node:path'
import { watch } from 'chokidar'
import type { GitDirectory } from '../git/git-directory.ts'

/**
 * Calls `wake` when HEAD, packed-refs or a ref such as `refs/heads/main` changes, until the signal aborts. Other refs are not watched:
 * there may be more of them than the host allows watches.
 * Only a hint: events may come twice or, rarely, not at all, so callers look for themselves and poll slowly as well.
 */
export function listenToRefs(
  { gitDir, commonDir }: GitDirectory,
  ref: string,
  wake: () => void,
  signal: AbortSignal,
): void {
  if (signal.aborted) return
  const parts = ref.split('/')
  const wanted = new Set([
    gitDir,
    commonDir,
    join(gitDir, 'HEAD'),
    join(commonDir, 'packed-refs'),
    ...parts.map((_, index) => join(commonDir, ...parts.slice(0, index + 1))),
  ])
  const watcher = watch([...new Set([gitDir, commonDir])], {
    ignored: path => !wanted.has(path),
    ignoreInitial: true,
    // Git replaces refs by renaming a lock file over them; waiting for the dust to settle would only cost time.
    atomic: false,
    awaitWriteFinish: false,
  })
  watcher.on('all', () => wake())
  // What the system says, before the folder is read again to find out what that was.
  watcher.on('raw', () => wake())
  // chokidar drops a second change of a file that comes while it still looks at the first; the system's own events do not.
  watcher.on('raw', (_event, path) => {
    if (typeof path !== 'string' || !path.endsWith('.lock')) wake()
  })
  // Between the caller's last look and the moment when everything is watched the branch may have moved.
  watcher.on('ready', () => wake())
  watcher.on('error', () => wake())
  signal.addEventListener('abort', () => void watcher.close(), { once: true })
}
