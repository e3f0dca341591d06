import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { Kinds } from '../../src/kube/index.ts'
import {
  type HollowAgent,
  isReady,
  NODE,
  podUntil,
  startHollowAgent,
  startProcessAgent,
  type TestAgent,
  until,
} from './support/test-agent.ts'

let agent: TestAgent | undefined

afterEach(async () => {
  await agent?.close()
  agent = undefined
})

async function hollow(): Promise<HollowAgent> {
  const started = await startHollowAgent()
  agent = started
  return started
}

async function process(): Promise<TestAgent> {
  agent = await startProcessAgent()
  return agent
}

const sleeper = { name: 'app', image: 'app:1', command: ['sleep', '1000'] }

describe('startAgent() ends containers', () => {
  const slowly = { ...sleeper, lifecycle: { preStop: { sleep: { seconds: 600 } } } }

  async function killings(name: string): Promise<number> {
    const events = await agent?.events(name)
    const told = (events ?? []).filter(({ reason }) => reason === 'Killing')
    return told.reduce((sum, { count = 1 }) => sum + count, 0)
  }

  it('startAgent() begins a hastened stop with the signal and does not run its hook anew', async () => {
    const { client, createPod } = await hollow()
    await createPod('slow', { terminationGracePeriodSeconds: 600, containers: [slowly] })
    await podUntil(agent as TestAgent, 'slow', isReady)
    await client.delete(Kinds.Pod, 'slow', { namespace: 'default' })
    await until('its hook runs', async () => (await killings('slow')) === 1)
    await client.delete(Kinds.Pod, 'slow', { namespace: 'default', gracePeriodSeconds: 1 })
    await until('the pod is gone', () =>
      client.get(Kinds.Pod, 'slow', { namespace: 'default' }).then(
        () => false,
        () => true,
      ),
    )
    expect(await killings('slow')).toBe(1)
  })

  it('startAgent() leaves a stop that takes its time to the next agent', async () => {
    const { client, createPod, runtime } = await hollow()
    await createPod('slow', { terminationGracePeriodSeconds: 600, containers: [slowly] })
    await podUntil(agent as TestAgent, 'slow', isReady)
    await client.delete(Kinds.Pod, 'slow', { namespace: 'default' })
    await until('its hook runs', async () => (await killings('slow')) === 1)
    await agent?.stop()
    expect((await runtime.listContainers()).map(({ state }) => state)).toEqual(['running'])
    await agent?.start()
    await client.delete(Kinds.Pod, 'slow', { namespace: 'default', gracePeriodSeconds: 1 })
    await until('nothing is left of it', async () => (await runtime.listContainers()).length === 0)
    expect((await agent?.events('slow'))?.map(({ reason }) => reason)).not.toContain('FailedPreStopHook')
  })
})

describe('startAgent() as a node', () => {
  it('startAgent() registers its Node with capacity, conditions and labels, and renews its lease', async () => {
    const { client } = await hollow()
    const node = await client.get(Kinds.Node, NODE)
    expect(node.metadata.labels).toMatchObject({
      'kubernetes.io/hostname': NODE,
      'kubernetes.io/os': 'linux',
      'kubernetes.io/arch': 'amd64',
    })
    expect(node.status?.capacity).toMatchObject({ cpu: '4', memory: '8Gi', pods: '110' })
    expect(node.status?.conditions?.map(({ type, status }) => `${type}=${status}`).sort()).toEqual(
      expect.arrayContaining(['MemoryPressure=False', 'PIDPressure=False', 'Ready=True']),
    )
    const lease = await until('there is a lease', () =>
      client.get(Kinds.Lease, NODE, { namespace: 'kube-node-lease' }).catch(() => undefined),
    )
    expect(lease.spec).toMatchObject({ holderIdentity: NODE, leaseDurationSeconds: 40 })
  })

  it('startAgent() registers its Node again when somebody deletes it', async () => {
    const { client } = await hollow()
    const before = await client.get(Kinds.Node, NODE)
    await client.delete(Kinds.Node, NODE)
    await agent?.stop()
    await agent?.start()
    const after = await client.get(Kinds.Node, NODE)
    expect(after.metadata.uid).not.toBe(before.metadata.uid)
  })
})

describe('startAgent() without an engine', () => {
  it('startAgent() registers its node as not ready and says why, and runs its pods when the engine comes', async () => {
    let isDown = true
    agent = await startHollowAgent({ isDown: () => isDown })
    const node = agent
    const ready = async () => {
      const { status } = await node.client.get(Kinds.Node, NODE)
      return status?.conditions?.find(({ type }) => type === 'Ready')
    }
    await node.createPod('web', { containers: [sleeper] })
    const condition = await until('the node has a condition', () => ready().catch(() => undefined))
    expect(condition).toMatchObject({
      status: 'False',
      reason: 'KubeletNotReady',
      message: expect.stringMatching(/^container runtime is down: /),
    })
    isDown = false
    await podUntil(node, 'web', isReady)
    await until('the node is ready', async () => (await ready())?.status === 'True')
    expect((await node.client.get(Kinds.Node, NODE)).status?.nodeInfo?.containerRuntimeVersion).toBe(
      'hollow://1.0.0',
    )
  })
})

describe('startAgent() with a pod', () => {
  it('startAgent() brings a pod to Running and Ready and tells of each move', async () => {
    const node = await hollow()
    await node.createPod('web', { containers: [sleeper] })
    const status = await podUntil(node, 'web', isReady)
    expect(status).toMatchObject({ phase: 'Running', hostIP: '127.0.0.1', qosClass: 'BestEffort' })
    expect(status.podIP).toBeTruthy()
    expect(status.podIPs).toEqual([{ ip: status.podIP }])
    expect(status.containerStatuses?.[0]).toMatchObject({
      name: 'app',
      ready: true,
      started: true,
      restartCount: 0,
    })
    expect(status.containerStatuses?.[0]?.containerID).toMatch(/^hollow:\/\//)
    const reasons = await until('there are events', async () => {
      const found = (await node.events('web')).map(({ reason }) => reason)
      return found.includes('Started') ? found : undefined
    })
    expect(reasons).toEqual(expect.arrayContaining(['Pulled', 'Created', 'Started']))
  })

  it('startAgent() removes a deleted pod and everything of it', async () => {
    const node = await hollow()
    await node.createPod('web', { containers: [sleeper] })
    await podUntil(node, 'web', isReady)
    await node.client.delete(Kinds.Pod, 'web', { namespace: 'default', gracePeriodSeconds: 1 })
    await until('the object is gone', () =>
      node.pod('web').then(
        () => false,
        () => true,
      ),
    )
    await until('the runtime is empty', async () => (await node.runtime.listSandboxes()).length === 0)
    expect(await node.runtime.listContainers()).toEqual([])
  })

  it('startAgent() restarts a container that exits, as a new container, without delay', async () => {
    const node = await hollow()
    await node.createPod('web', { containers: [sleeper] })
    await podUntil(node, 'web', isReady)
    const [first] = await node.runtime.listContainers()
    node.runtime.exitContainer(first?.id ?? '', 3)
    const status = await podUntil(
      node,
      'web',
      ({ containerStatuses = [] }) =>
        containerStatuses[0]?.restartCount === 1 && containerStatuses[0].ready === true,
    )
    expect(status.containerStatuses?.[0]?.lastState?.terminated).toMatchObject({
      exitCode: 3,
      reason: 'Error',
    })
    expect(status.phase).toBe('Running')
  })

  it('startAgent() waits in CrashLoopBackOff from the second crash on', async () => {
    const node = await hollow()
    await node.createPod('web', { containers: [sleeper] })
    await podUntil(node, 'web', isReady)
    for (const attempt of [0, 1]) {
      const container = await until('the attempt runs', async () =>
        (await node.runtime.listContainers()).find(
          ({ attempt: found, state }) => found === attempt && state === 'running',
        ),
      )
      node.runtime.exitContainer(container.id, 1)
    }
    const status = await podUntil(
      node,
      'web',
      ({ containerStatuses = [] }) => containerStatuses[0]?.state?.waiting !== undefined,
    )
    expect(status.containerStatuses?.[0]).toMatchObject({
      restartCount: 1,
      ready: false,
      state: { waiting: { reason: 'CrashLoopBackOff' } },
      lastState: { terminated: { exitCode: 1 } },
    })
    const back = await until('the event', async () =>
      (await node.events('web')).find(({ reason }) => reason === 'BackOff'),
    )
    expect(back.message).toMatch(/^Back-off restarting failed container app in pod web_default\(/)
  })

  it('startAgent() replaces a container that somebody removed', async () => {
    const node = await hollow()
    await node.createPod('web', { containers: [sleeper] })
    await podUntil(node, 'web', isReady)
    const [first] = await node.runtime.listContainers()
    await node.runtime.removeContainer(first?.id ?? '')
    const status = await podUntil(
      node,
      'web',
      current => isReady(current) && current.containerStatuses?.[0]?.restartCount === 1,
    )
    expect(status.containerStatuses?.[0]?.lastState?.terminated).toMatchObject({
      exitCode: 137,
      reason: 'ContainerStatusUnknown',
    })
  })

  it('startAgent() makes a new sandbox when one dies, and goes on counting', async () => {
    const node = await hollow()
    await node.createPod('web', { containers: [sleeper] })
    await podUntil(node, 'web', isReady)
    const [sandbox] = await node.runtime.listSandboxes()
    await node.runtime.stopSandbox(sandbox?.id ?? '')
    await podUntil(
      node,
      'web',
      current => isReady(current) && current.containerStatuses?.[0]?.restartCount === 1,
    )
    const ready = (await node.runtime.listSandboxes()).filter(({ state }) => state === 'ready')
    expect(ready.map(({ attempt }) => attempt)).toEqual([1])
  })

  it('startAgent() keeps of a container that restarts often no more than its last two runs', async () => {
    const { client, createPod, folder, runtime } = await hollow()
    const { metadata } = await createPod('web', { containers: [sleeper] })
    for (const restarts of [0, 1, 2, 3]) {
      await podUntil(
        agent as TestAgent,
        'web',
        current => isReady(current) && current.containerStatuses?.[0]?.restartCount === restarts,
      )
      const body = { spec: { containers: [{ name: 'app', image: `app:${restarts + 2}` }] } }
      if (restarts < 3)
        await client.patch(Kinds.Pod, 'web', { type: 'strategic', body }, { namespace: 'default' })
    }
    const messages = join(folder, 'pods', metadata.uid ?? '', 'containers', 'app')
    await until('the others are removed', async () => (await runtime.listContainers()).length === 2)
    await until('their messages too', async () => (await readdir(messages)).length === 2)
    expect((await readdir(messages)).sort()).toEqual(['2.message', '3.message'])
  })

  it('startAgent() restarts a container whose image was changed', async () => {
    const node = await hollow()
    await node.createPod('web', { containers: [sleeper] })
    await podUntil(node, 'web', isReady)
    const body = { spec: { containers: [{ name: 'app', image: 'app:2' }] } }
    await node.client.patch(Kinds.Pod, 'web', { type: 'strategic', body }, { namespace: 'default' })
    const status = await podUntil(
      node,
      'web',
      current => isReady(current) && current.containerStatuses?.[0]?.image === 'app:2',
    )
    expect(status.containerStatuses?.[0]?.restartCount).toBe(1)
  })

  it('startAgent() refuses what the host does not allow, and names the flag', async () => {
    const node = await hollow()
    const volumes = [{ name: 'root', hostPath: { path: '/etc' } }]
    await node.createPod('bad', { containers: [sleeper], volumes })
    const status = await podUntil(node, 'bad', ({ phase }) => phase === 'Failed')
    expect(status).toMatchObject({ reason: 'HostAccessDenied' })
    expect(status.message).toContain('--allow-host /etc')
    expect(await node.runtime.listContainers()).toEqual([])
    await until('there is an event', async () =>
      (await node.events('bad')).some(
        ({ reason, message }) => reason === 'HostAccessDenied' && message?.includes('--allow-host'),
      ),
    )
  })

  it('startAgent() waits for a missing Secret and starts when it is there, without telling its value', async () => {
    const node = await hollow()
    const env = [{ name: 'KEY', valueFrom: { secretKeyRef: { name: 'keys', key: 'main' } } }]
    await node.createPod('web', { containers: [{ ...sleeper, env }] })
    const waiting = await podUntil(
      node,
      'web',
      ({ containerStatuses = [] }) =>
        containerStatuses[0]?.state?.waiting?.reason === 'CreateContainerConfigError',
    )
    expect(waiting.containerStatuses?.[0]?.state?.waiting?.message).toBe('secret "keys" not found')
    const secret = {
      apiVersion: 'v1' as const,
      kind: 'Secret' as const,
      metadata: { name: 'keys', namespace: 'default' },
      data: { main: Buffer.from('hunter2').toString('base64') },
    }
    await node.client.create(Kinds.Secret, secret, { namespace: 'default' })
    await podUntil(node, 'web', isReady)
    expect(JSON.stringify(await node.events('web'))).not.toContain('hunter2')
  })

  it('startAgent() stops a pod at its active deadline', async () => {
    const node = await hollow()
    await node.createPod('web', { containers: [sleeper], activeDeadlineSeconds: 1 })
    const status = await podUntil(node, 'web', ({ phase }) => phase === 'Failed')
    expect(status.reason).toBe('DeadlineExceeded')
    await until('nothing runs', async () =>
      (await node.runtime.listContainers()).every(({ state }) => state === 'exited'),
    )
  })
})

describe('startAgent() restarted', () => {
  it('startAgent() adopts what runs and starts nothing twice', async () => {
    const node = await process()
    for (const name of ['one', 'two']) await node.createPod(name, { containers: [sleeper] })
    for (const name of ['one', 'two']) await podUntil(node, name, isReady)
    const before = (await node.runtime.listContainers()).map(({ id }) => id).sort()
    await node.stop()
    await node.start({ reopen: true })
    await node.createPod('three', { containers: [sleeper] })
    await podUntil(node, 'three', isReady)
    const after = await node.runtime.listContainers()
    expect(after.every(({ state }) => state === 'running')).toBe(true)
    expect(after.map(({ id }) => id)).toEqual(expect.arrayContaining(before))
    expect(after).toHaveLength(3)
    for (const name of ['one', 'two']) expect((await node.pod(name)).status).toSatisfy(isReady)
  })

  it('startAgent() removes what is left of pods that were deleted while it was away', async () => {
    const node = await process()
    await node.createPod('web', { containers: [sleeper] })
    await podUntil(node, 'web', isReady)
    await node.stop()
    await node.client.delete(Kinds.Pod, 'web', { namespace: 'default', gracePeriodSeconds: 0 })
    await node.start({ reopen: true })
    await until('the runtime is empty', async () => (await node.runtime.listSandboxes()).length === 0)
  })

  it('startAgent() restarts containers that ended while it was away', async () => {
    const node = await process()
    await node.createPod('web', { containers: [sleeper] })
    await podUntil(node, 'web', isReady)
    await node.stop()
    const [first] = await node.runtime.listContainers()
    await node.runtime.stopContainer(first?.id ?? '', 0)
    await node.start({ reopen: true })
    await podUntil(
      node,
      'web',
      current => isReady(current) && current.containerStatuses?.[0]?.restartCount === 1,
    )
  })
})

describe('startAgent() with processes', () => {
  it('startAgent() runs init containers one after the other and then the main one', async () => {
    const node = await process()
    const step = (name: string) => ({ name, image: 'x', command: ['sh', '-c', `echo ${name}`] })
    await node.createPod('web', { initContainers: [step('a'), step('b')], containers: [sleeper] })
    const status = await podUntil(node, 'web', isReady)
    expect(status.initContainerStatuses?.map(({ name, state }) => [name, state?.terminated?.reason])).toEqual(
      [
        ['a', 'Completed'],
        ['b', 'Completed'],
      ],
    )
    const containers = await node.runtime.listContainers()
    const of = (name: string) => containers.find(container => container.name === name)
    expect(of('a')?.finishedAt).toBeLessThanOrEqual(of('b')?.createdAt ?? 0)
    expect(of('b')?.finishedAt).toBeLessThanOrEqual(of('app')?.createdAt ?? 0)
  })

  it('startAgent() gives a pod its fields, and lets it succeed', async () => {
    const node = await process()
    const env = [
      { name: 'ADDRESS', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
      { name: 'GREETING', value: 'hello from $(ADDRESS)' },
    ]
    const command = ['sh', '-c', 'echo "$GREETING"; echo done']
    await node.createPod('job', {
      restartPolicy: 'Never',
      containers: [
        { name: 'app', image: 'x', env, command, terminationMessagePolicy: 'FallbackToLogsOnError' },
      ],
    })
    const status = await podUntil(node, 'job', ({ phase }) => phase === 'Succeeded')
    expect(status.containerStatuses?.[0]?.state?.terminated).toMatchObject({
      exitCode: 0,
      reason: 'Completed',
    })
    const [container] = await node.runtime.listContainers()
    let output = ''
    const never = new AbortController().signal
    for await (const { text } of node.runtime.logs(container?.id ?? '', { follow: false }, never))
      output += text
    expect(output).toBe(`hello from ${status.podIP}\ndone\n`)
  })

  it('startAgent() shows the end of the log as the message of a failure', async () => {
    const node = await process()
    const command = ['sh', '-c', 'echo DATABASE_URL is not set >&2; exit 4']
    await node.createPod('job', {
      restartPolicy: 'Never',
      containers: [{ name: 'app', image: 'x', command, terminationMessagePolicy: 'FallbackToLogsOnError' }],
    })
    // The end is told at once, the last words as soon as they have been read, and the phase when nothing is under way any more.
    const status = await podUntil(
      node,
      'job',
      ({ phase, containerStatuses = [] }) =>
        phase === 'Failed' && containerStatuses[0]?.state?.terminated?.message !== undefined,
    )
    expect(status).toMatchObject({
      phase: 'Failed',
      containerStatuses: [
        { state: { terminated: { exitCode: 4, reason: 'Error', message: 'DATABASE_URL is not set\n' } } },
      ],
    })
  })

  it('startAgent() makes a pod ready by its probe, and restarts one that its probe condemns', async () => {
    const node = await process()
    const command = ['sh', '-c', 'sleep 1000']
    await node.createPod('web', {
      containers: [
        {
          name: 'app',
          image: 'x',
          command,
          readinessProbe: { exec: { command: ['true'] }, periodSeconds: 1 },
          livenessProbe: {
            exec: { command: ['false'] },
            periodSeconds: 1,
            failureThreshold: 2,
            initialDelaySeconds: 1,
          },
        },
      ],
    })
    await podUntil(node, 'web', isReady)
    await podUntil(
      node,
      'web',
      ({ containerStatuses = [] }) => (containerStatuses[0]?.restartCount ?? 0) >= 1,
    )
    const found = await until('both events are there', async () => {
      const events = await node.events('web')
      const messages = events.map(({ message }) => message)
      return messages.includes('Container app failed liveness probe, will be restarted')
        ? messages
        : undefined
    })
    expect(found.some(message => message?.startsWith('Liveness probe failed'))).toBe(true)
  })
})
