import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLogger, systemClock, systemIds } from '../../../src/base/index.ts'
import type { Client } from '../../../src/client/index.ts'
import { createInProcessClient, createVerbs, ensureBootstrap } from '../../../src/cluster/api/index.ts'
import { openLmdbStore } from '../../../src/cluster/store/index.ts'
import { allKinds } from '../../../src/kube/index.ts'

/** The verbs over a real store in a folder of their own; everyone is allowed everything. */
export interface TestServer {
  readonly client: Client
  close(): Promise<void>
}

const ADMIN = { username: 'admin', groups: ['system:masters'] }

export async function startTestServer(): Promise<TestServer> {
  const folder = await mkdtemp(join(tmpdir(), 'bowline-agent-server-'))
  const parts = { clock: systemClock, ids: systemIds, log: silentLogger }
  const store = await openLmdbStore({ path: join(folder, 'store'), clock: systemClock, log: silentLogger })
  const authorizer = { authorize: () => ({ allowed: true, reason: '' }) }
  const verbs = createVerbs({ store, kinds: allKinds, authorizer, ...parts })
  const stop = new AbortController()
  const running = verbs.start(stop.signal)
  await ensureBootstrap(verbs, ADMIN, stop.signal)
  return {
    client: createInProcessClient(verbs, ADMIN, { fieldManager: 'test' }),
    async close() {
      stop.abort()
      await running
      await store.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
