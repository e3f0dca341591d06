import { afterEach, describe, expect, it } from 'vitest'
import type { HollowRuntime } from '../../src/agents/runtime/index.ts'
import { BowlineError } from '../../src/base/index.ts'
import type { Client } from '../../src/client/index.ts'
import {
  isReady,
  podUntil,
  startHollowAgent,
  startProcessAgent,
  type TestAgent,
  until,
} from './support/test-agent.ts'

let agent: TestAgent
let isAway = false
let refused = 0

afterEach(async () => {
  isAway = false
  await agent.close()
})

/** A client whose server can be cut off. */
function severed(client: Client): Client {
  const cut = () => {
    if (!isAway) return
    refused += 1
    throw new BowlineError('unavailable', 'Cannot reach the server: it is away', { retryable: true })
  }
  /** The call, or its refusal while the server is away. */
  function reach<T>(call: () => T): T {
    cut()
    return call()
  }
  return {
    get: async (...all) => reach(() => client.get(...all)),
    list: async (...all) => reach(() => client.list(...all)),
    create: async (...all) => reach(() => client.create(...all)),
    update: async (...all) => reach(() => client.update(...all)),
    patch: async (...all) => reach(() => client.patch(...all)),
    delete: async (...all) => reach(() => client.delete(...all)),
    createSubresource: async (...all) => reach(() => client.createSubresource(...all)),
    watch: (...all) => reach(() => client.watch(...all)),
  }
}

const sleeper = { name: 'app', image: 'app:1', command: ['sleep', '1000'] }

describe('startAgent() while the server is away', () => {
  it('startAgent() goes on restarting containers, and tells of it later', async () => {
    agent = await startHollowAgent({ wrapClient: severed })
    await agent.createPod('web', { containers: [sleeper] })
    await podUntil(agent, 'web', isReady)
    isAway = true
    const [first] = await agent.runtime.listContainers()
    const { exitContainer } = agent.runtime as HollowRuntime
    exitContainer.call(agent.runtime, first?.id ?? '', 1)
    await until('the next attempt runs', async () =>
      (await agent.runtime.listContainers()).some(
        ({ attempt, state }) => attempt === 1 && state === 'running',
      ),
    )
    expect((await agent.pod('web')).status?.containerStatuses?.[0]?.restartCount).toBe(0)
    isAway = false
    await podUntil(
      agent,
      'web',
      current => isReady(current) && current.containerStatuses?.[0]?.restartCount === 1,
    )
  })

  it('startAgent() removes nothing before it has seen the whole list, and starts again what it kept', async () => {
    agent = await startProcessAgent({ wrapClient: severed })
    for (const name of ['one', 'two']) await agent.createPod(name, { containers: [sleeper] })
    for (const name of ['one', 'two']) await podUntil(agent, name, isReady)
    await agent.stop()
    const before = await agent.runtime.listContainers()
    const ended = before.find(({ pod }) => pod.name === 'one')
    await agent.runtime.stopContainer(ended?.id ?? '', 0)
    isAway = true
    refused = 0
    await agent.start({ reopen: true })
    const running = async () =>
      (await agent.runtime.listContainers()).filter(({ state }) => state === 'running')
    await until('both run', async () => new Set((await running()).map(({ pod }) => pod.name)).size === 2)
    expect(refused).toBeGreaterThan(0)
    const two = before.find(({ pod }) => pod.name === 'two')
    expect((await running()).map(({ id }) => id)).toContain(two?.id)
    isAway = false
    await podUntil(
      agent,
      'one',
      current => isReady(current) && current.containerStatuses?.[0]?.restartCount === 1,
    )
    expect(await running()).toHaveLength(2)
  })
})
