import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Clock,
  type KeyValueStore,
  type Service,
  silentLogger,
  systemClock,
  systemIds,
} from '../../../src/base/index.ts'
import type { Client } from '../../../src/client/index.ts'
import {
  type Admission,
  type Authorizer,
  createInProcessClient,
  createVerbs,
  ensureBootstrap,
  type Identity,
  type RequestContext,
  type Verbs,
  type VerbsOptions,
} from '../../../src/cluster/api/index.ts'
import { openLmdbStore } from '../../../src/cluster/store/index.ts'
import { allKinds } from '../../../src/kube/index.ts'

const ADMIN: Identity = { username: 'admin', groups: ['system:masters'] }

/** The API without its HTTPS face, over a real store in a folder of its own, with the bootstrap objects made. */
export interface TestApi {
  readonly store: KeyValueStore
  readonly verbs: Verbs & Service
  readonly client: Client
  context(user?: Identity): RequestContext
  /** Ends the verbs and starts new ones on the same store, as a restarted server would. */
  restart(): Promise<void>
  close(): Promise<void>
}

export interface TestApiOptions
  extends Partial<Pick<VerbsOptions, 'eventWindow' | 'serviceCidr' | 'serviceExternalIPs' | 'warnOnWrite'>> {
  readonly clock?: Clock
  readonly authorizer?: Authorizer
  readonly admissions?: readonly Admission[]
  /** Puts something between the verbs and the store. */
  readonly wrapStore?: (store: KeyValueStore) => KeyValueStore
}

export async function startTestApi(options: TestApiOptions = {}): Promise<TestApi> {
  const folder = await mkdtemp(join(tmpdir(), 'bowline-api-'))
  const { clock = systemClock, authorizer = allowAll, wrapStore = store => store, ...rest } = options
  const store = await openLmdbStore({ path: join(folder, 'store'), clock, log: silentLogger })
  let stop = new AbortController()
  let verbs: Verbs & Service
  let running: Promise<void>
  const start = (): void => {
    stop = new AbortController()
    verbs = createVerbs({
      store: wrapStore(store),
      kinds: allKinds,
      authorizer,
      clock,
      ids: systemIds,
      log: silentLogger,
      ...rest,
    })
    running = verbs.start(stop.signal)
  }
  const end = async (): Promise<void> => {
    stop.abort()
    await running
  }
  start()
  await ensureBootstrap(verbs!, ADMIN, stop.signal)
  return {
    store,
    get verbs() {
      return verbs
    },
    get client() {
      return createInProcessClient(verbs, ADMIN, { fieldManager: 'test' })
    },
    context: (user = ADMIN) => ({ user, warnings: [], signal: stop.signal, userAgent: 'test/1' }),
    async restart() {
      await end()
      start()
    },
    async close() {
      await end()
      await store.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

const allowAll: Authorizer = { authorize: () => ({ allowed: true, reason: '' }) }
