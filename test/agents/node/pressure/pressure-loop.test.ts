import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Kinds } from '../../../../src/kube/index.ts'
import { mountSmallDisk, smallDiskProblem } from '../../../support/small-disk.ts'
import { isReady, podUntil, startProcessAgent, type TestAgent, until } from '../../support/test-agent.ts'

const problem = smallDiskProblem()
const MI = 2 ** 20
const sleeper = { name: 'app', image: 'app:1', command: ['sleep', '1000'] }

it('a pod that writes more into an empty folder than it says is evicted, and others are not', async () => {
  const agent = await startProcessAgent()
  const volumes = [{ name: 'scratch', emptyDir: { sizeLimit: '1Mi' } }]
  for (const name of ['greedy', 'modest']) await agent.createPod(name, { containers: [sleeper], volumes })
  for (const [name, bytes] of [
    ['greedy', 2 * MI],
    ['modest', MI / 2],
  ] as const) {
    await podUntil(agent, name, isReady)
    const { uid = '' } = (await agent.pod(name)).metadata
    await writeFile(join(agent.folder, 'pods', uid, 'volumes/scratch/file'), Buffer.alloc(bytes, 1))
  }
  const status = await podUntil(agent, 'greedy', ({ phase }) => phase === 'Failed')
  expect(status).toMatchObject({
    reason: 'Evicted',
    message: 'Usage of EmptyDir volume "scratch" exceeds the limit "1Mi". ',
  })
  expect(isReady((await agent.pod('modest')).status ?? {})).toBe(true)
  await agent.close()
})

describe.skipIf(problem !== undefined)(`a full disk (${problem ?? 'a small tmpfs'})`, () => {
  let disk: ReturnType<typeof mountSmallDisk>
  let agent: TestAgent
  beforeEach(async () => {
    disk = mountSmallDisk({ bytes: 64 * MI })
    agent = await startProcessAgent({ parent: disk.path })
  })
  afterEach(async () => {
    await agent.close()
    disk.remove()
  })

  it('evicts the pod that takes most beyond what it asked for, says so, and takes no new pods', async () => {
    for (const name of ['greedy', 'modest']) await agent.createPod(name, { containers: [sleeper] })
    for (const name of ['greedy', 'modest']) await podUntil(agent, name, isReady)
    const { uid = '' } = (await agent.pod('greedy')).metadata
    // As the container would, in a folder that it has.
    const folder = join(agent.folder, 'pods', uid, 'volumes', 'data')
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, 'file'), Buffer.alloc(60 * MI))
    const status = await podUntil(agent, 'greedy', ({ phase }) => phase === 'Failed')
    expect(status.reason).toBe('Evicted')
    expect(status.message).toMatch(
      /^The node was low on resource: ephemeral-storage\. Threshold quantity: \S+, available: \S+\. $/,
    )
    expect(status.conditions).toContainEqual(
      expect.objectContaining({ type: 'DisruptionTarget', status: 'True', reason: 'TerminationByKubelet' }),
    )
    const node = await until('the node says so', async () => {
      const found = await agent.client.get(Kinds.Node, 'host-1')
      return (
        found.status?.conditions?.some(({ type, status }) => type === 'DiskPressure' && status === 'True') &&
        found
      )
    })
    expect(node.status?.conditions?.find(({ type }) => type === 'DiskPressure')?.reason).toBe(
      'KubeletHasDiskPressure',
    )
    await until('what it took is given back', async () => (await agent.runtime.listContainers()).length === 1)
    expect((await agent.pod('greedy')).status?.containerStatuses?.[0]?.state?.terminated).toBeDefined()
    await agent.createPod('late', { containers: [sleeper] })
    const late = await podUntil(agent, 'late', ({ phase }) => phase === 'Failed')
    expect(late).toMatchObject({
      reason: 'Evicted',
      message: 'Pod was rejected: The node had condition: [DiskPressure]. ',
    })
    expect(isReady((await agent.pod('modest')).status ?? {})).toBe(true)
  })

  it('an agent that starts on a full disk still has its pods', async () => {
    await agent.createPod('web', { containers: [sleeper], priorityClassName: 'system-node-critical' })
    await podUntil(agent, 'web', isReady)
    await agent.stop()
    const filler = join(disk.path, 'filler')
    await writeFile(filler, Buffer.alloc(64 * MI)).catch(() => undefined)
    await agent.start()
    await podUntil(agent, 'web', isReady)
    expect((await agent.pod('web')).status?.containerStatuses?.[0]?.restartCount).toBe(0)
    // The process runtime needs room to remove what it made.
    await rm(filler)
  })
})
