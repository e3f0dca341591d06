import { type Clock, hasCode } from '../../../../base/index.ts'
import type { Engine } from '../engine/engine.ts'
import { PAUSE_IMAGE } from '../images/pause-image.ts'
import { Labels, lockName } from '../names.ts'

/** What is done under the lock takes well under a second; a lock of this age was left by an agent that was killed. */
const STALE_MS = 20_000
const POLL_MS = 50

/**
 * Runs `task` while no other agent of the cluster on this engine does. An engine lets two networks have one name when
 * they are made at the same time, but never two containers: a container that is never started is the lock.
 */
export async function holdingLock<T>(
  engine: Engine,
  clusterUid: string,
  clock: Clock,
  task: () => Promise<T>,
): Promise<T> {
  const name = lockName(clusterUid)
  while (!(await take(engine, name))) {
    await removeStale(engine, name, clock.now())
    await clock.sleep(POLL_MS)
  }
  try {
    return await task()
  } finally {
    await release(engine, name)
  }
}

async function take(engine: Engine, name: string): Promise<boolean> {
  try {
    await engine.call({
      method: 'POST',
      path: '/containers/create',
      query: { name },
      body: { Image: PAUSE_IMAGE, Labels: { [Labels.type]: 'lock' }, HostConfig: { NetworkMode: 'none' } },
      action: `create the container ${name}`,
    })
    return true
  } catch (error) {
    if (hasCode(error, 'conflict')) return false
    throw error
  }
}

async function removeStale(engine: Engine, name: string, nowMs: number): Promise<void> {
  try {
    const { Id, Created } = await engine.call<{ Id: string; Created: string }>({
      method: 'GET',
      path: `/containers/${name}/json`,
      action: `inspect the container ${name}`,
    })
    // By its id: the name may be somebody's newer lock by now.
    if (nowMs - Date.parse(Created) > STALE_MS) await release(engine, Id)
  } catch (error) {
    if (!hasCode(error, 'not-found')) throw error
  }
}

async function release(engine: Engine, name: string): Promise<void> {
  await engine
    .call({
      method: 'DELETE',
      path: `/containers/${name}`,
      query: { force: true },
      action: `remove the container ${name}`,
    })
    .catch((error: unknown) => {
      if (!hasCode(error, 'not-found') && !hasCode(error, 'conflict')) throw error
    })
}
