import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { silentLogger, systemIds } from '../../../src/base/index.ts'
import { type Client, createInformer } from '../../../src/client/index.ts'
import { type App, Kinds, StatusError } from '../../../src/kube/index.ts'
import { Inventory } from '../../../src/pipeline/inventory.ts'
import type { SourceReport } from '../../../src/pipeline/status/app-status.ts'
import { AppTree } from '../../../src/pipeline/status/app-tree.ts'
import { StatusWriter } from '../../../src/pipeline/status/status-writer.ts'
import { eventually } from '../../base/eventually.ts'
import { FakeClock } from '../../base/fake-clock.ts'
import { startTestApi, type TestApi } from '../../cluster/api/test-api.ts'

const signature = { name: 'Ada', email: 'a@b', time: '2026-01-01T00:00:00Z', timeMs: 0 }
const commit = {
  ...{ id: 'c'.repeat(40), tree: 't'.repeat(40), parents: [] },
  ...{ author: signature, committer: signature, message: 'one', subject: 'one' },
}
const revision: SourceReport = { commit, diagnostics: [], total: 1, affected: [] }

describe('StatusWriter', () => {
  let api: TestApi
  let clock: FakeClock
  let writer: StatusWriter
  let isAway: boolean

  beforeEach(async () => {
    api = await startTestApi()
    clock = new FakeClock()
    isAway = false
    const client: Client = {
      ...api.client,
      update: async (...call) => {
        if (isAway) throw new StatusError('ServiceUnavailable', 'away')
        return api.client.update(...call)
      },
    }
    const source = { repository: '/srv/shop.git', branch: 'main', path: '' }
    const app: App = {
      apiVersion: 'bowline.dev/v1alpha1',
      kind: 'App',
      metadata: { name: 'shop' },
      spec: { source },
    }
    await api.client.create(Kinds.App, app)
    const apps = createInformer(api.client, Kinds.App, { clock, ids: systemIds, log: silentLogger })
    const tree = new AppTree({ client, apps })
    const inventory = await Inventory.load(api.store)
    writer = new StatusWriter({ client, tree, inventory, clock, log: silentLogger })
  })
  afterEach(async () => {
    await writer.close()
    await api.close()
  })

  async function observed(): Promise<string | undefined> {
    return (await api.client.get(Kinds.App, 'shop')).status?.observedRevision
  }

  it('tells a revision soon, although what was said before is put off for longer', async () => {
    isAway = true
    writer.reportProblem('shop', 'cannot be read')
    await eventually('the write to be put off', () => clock.pending > 0)
    isAway = false
    writer.reportSource('shop', revision)
    await clock.advance(20)
    await eventually('the revision to be told', async () => (await observed()) === commit.id)
  })

  it('close() writes what was said and is not due yet', async () => {
    writer.reportSource('shop', revision)
    await writer.close()
    expect(await observed()).toBe(commit.id)
  })
})
