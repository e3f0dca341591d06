import { tmpdir } from 'node:os'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { NodeFacts } from '../../../src/agents/node/node-object.ts'
import { NodeReporter } from '../../../src/agents/node/node-reporter.ts'
import { fallbackRuntimeInfo } from '../../../src/agents/node/runtime-info.ts'
import { silentLogger, systemIds } from '../../../src/base/index.ts'
import { isNotFound, Kinds, StatusError } from '../../../src/kube/index.ts'
import { eventually } from '../../base/eventually.ts'
import { FakeClock } from '../../base/fake-clock.ts'
import { startTestApi, type TestApi } from '../../cluster/api/test-api.ts'

const FACTS: NodeFacts = {
  nodeName: 'host-1',
  info: fallbackRuntimeInfo('hollow'),
  capacityShare: 1,
  addresses: [{ type: 'InternalIP', address: '192.0.2.7' }],
  storageBytes: 1_000_000_000,
  machineId: 'machine',
  bootId: 'boot',
  agentVersion: 'v0.1.0',
}

/** Longer than the reporter lets pass between two looks. */
const A_LOOK_MS = 11_000

describe('NodeReporter', () => {
  let api: TestApi
  let clock: FakeClock
  let stop: AbortController
  let running: Promise<void>
  let reporter: NodeReporter
  let problem: () => string | undefined
  let networkProblem: string | undefined
  let isAway: boolean
  let warnings: string[]

  beforeEach(async () => {
    problem = () => undefined
    networkProblem = undefined
    isAway = false
    warnings = []
    api = await startTestApi()
    clock = new FakeClock(Date.now())
    stop = new AbortController()
    reporter = new NodeReporter({
      client: {
        ...api.client,
        get: async (...call) => {
          if (isAway) throw new StatusError('ServiceUnavailable', 'away')
          return api.client.get(...call)
        },
      },
      facts: () => FACTS,
      networkProblem: () => networkProblem,
      hasPressure: () => false,
      problem: () => problem(),
      dataDir: tmpdir(),
      clock,
      ids: systemIds,
      log: { ...silentLogger, warn: message => void warnings.push(message) },
    })
    running = reporter.run(stop.signal)
    await eventually('the node is ready', async () => (await readiness()) === 'True')
  })

  afterEach(async () => {
    stop.abort()
    await running
    await api.close()
  })

  it('puts right at its next look what was written of it while it was silent', async () => {
    const body = {
      status: { conditions: [{ type: 'Ready', status: 'Unknown', reason: 'NodeStatusUnknown' }] },
    }
    await api.client.patch(Kinds.Node, 'host-1', { type: 'strategic', body }, { subresource: 'status' })
    expect(await readiness()).toBe('Unknown')
    await clock.advance(A_LOOK_MS)
    await eventually('the node is ready again', async () => (await readiness()) === 'True')
  })

  it('leaves to the server the range of its pods and the annotations that tell of the network', async () => {
    const annotations = { 'network.bowline.dev/pod-cidr': '10.42.0.0/16' }
    const given = { podCIDR: '10.42.3.0/24', podCIDRs: ['10.42.3.0/24'] }
    const body = { metadata: { annotations }, spec: given }
    await api.client.patch(Kinds.Node, 'host-1', { type: 'merge', body })
    problem = () => 'container runtime is down'
    await clock.advance(A_LOOK_MS)
    await eventually('its status is written', async () => (await readiness()) === 'False')
    const { metadata, spec } = await api.client.get(Kinds.Node, 'host-1')
    expect(metadata.annotations).toEqual(annotations)
    expect(spec).toMatchObject(given)
  })

  it('warns once while the server is away, and again when it is away again', async () => {
    for (const times of [1, 2]) {
      isAway = true
      await clock.advance(A_LOOK_MS)
      await eventually('it to be told', () => warnings.length === times)
      for (let looks = 0; looks < 5; looks += 1) await clock.advance(A_LOOK_MS)
      isAway = false
      problem = () => `problem ${times}`
      await clock.advance(A_LOOK_MS)
      await eventually('its status is written', async () =>
        (await readyMessage()).includes(`problem ${times}`),
      )
    }
    expect(warnings).toHaveLength(2)
  })

  it('registers its node anew when somebody deleted it', async () => {
    await api.client.delete(Kinds.Node, 'host-1')
    await clock.advance(A_LOOK_MS)
    await eventually('the node is back', async () => (await readiness()) === 'True')
  })

  it('nudge() is not lost when it comes in the midst of a look', async () => {
    let engine: string | undefined
    problem = () => {
      if (engine !== undefined) return engine
      // It goes down just after it was asked.
      engine = 'container runtime is down'
      reporter.nudge()
      return undefined
    }
    await clock.advance(A_LOOK_MS)
    await eventually('the node is not ready', async () => (await readiness()) === 'False')
  })

  it('a node that can give no pod a network is not ready, says why, and is ready when it can', async () => {
    networkProblem = 'no range of addresses'
    reporter.nudge()
    await eventually('the node is not ready', async () => (await readiness()) === 'False')
    const { status } = await api.client.get(Kinds.Node, 'host-1')
    const unavailable = status?.conditions?.find(({ type }) => type === 'NetworkUnavailable')
    expect(unavailable).toMatchObject({ status: 'True', message: 'no range of addresses' })
    networkProblem = undefined
    reporter.nudge()
    await eventually('the node is ready', async () => (await readiness()) === 'True')
  })

  async function readyMessage(): Promise<string> {
    const { status } = await api.client.get(Kinds.Node, 'host-1')
    return status?.conditions?.find(({ type }) => type === 'Ready')?.message ?? ''
  }

  async function readiness(): Promise<string | undefined> {
    const node = await api.client.get(Kinds.Node, 'host-1').catch(error => {
      if (isNotFound(error)) return undefined
      throw error
    })
    return node?.status?.conditions?.find(({ type }) => type === 'Ready')?.status
  }
})
