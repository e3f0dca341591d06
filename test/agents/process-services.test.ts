import { get } from 'node:http'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loopbackAddress } from '../../src/agents/network/proxy/index.ts'
import { type EndpointSlice, Kinds, type Pod } from '../../src/kube/index.ts'
import { eventually } from '../base/eventually.ts'
import { NODE, startProcessAgent, type TestAgent } from './support/test-agent.ts'

const SERVER = `require('http').createServer((_, answer) => answer.end('hello')).listen(8080, process.env.ADDRESS)`
const HOST_PORT = 18_085

describe('startAgent() over processes', () => {
  let agent: TestAgent
  let slice: EndpointSlice
  let address: string

  const createPod = (name: string, script: string, more: object = {}): Promise<Pod> =>
    agent.createPod(name, {
      containers: [
        {
          name: 'main',
          image: 'none',
          command: ['node', '-e', script],
          env: [{ name: 'ADDRESS', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } }],
          ...more,
        },
      ],
    })
  const running = (name: string) =>
    eventually(`${name} to run`, async () => {
      const { status } = await agent.pod(name)
      return status?.containerStatuses?.[0]?.state?.running !== undefined && status
    })
  const ask = (host: string, port: number) =>
    new Promise<string>(resolve => {
      get({ host, port, agent: false }, answer => resolve(text(answer))).on('error', error =>
        resolve((error as { code?: string }).code ?? ''),
      )
    })

  beforeAll(async () => {
    agent = await startProcessAgent()
    const { spec } = await agent.client.create(Kinds.Service, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web', namespace: 'default' },
      spec: { ports: [{ name: 'http', port: 18_084 }] },
    })
    address = loopbackAddress(spec?.clusterIP ?? '')
    await createPod('server', SERVER, { ports: [{ containerPort: 8080, hostPort: HOST_PORT }] })
    const { podIP = '' } = await running('server')
    slice = await agent.client.create(Kinds.EndpointSlice, {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'web', namespace: 'default', labels: { 'kubernetes.io/service-name': 'web' } },
      addressType: 'IPv4',
      ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
      endpoints: [{ addresses: [podIP], conditions: { ready: true }, nodeName: NODE }],
    })
  })
  afterAll(() => agent?.close())

  it('a pod finds a service by its variables and reaches it there', async () => {
    const script = `
      const { WEB_SERVICE_HOST: host, WEB_SERVICE_PORT: port } = process.env
      const ask = () => require('http')
        .get({ host, port }, answer => answer.setEncoding('utf8').on('data', word => console.log(word + ' from ' + host)))
        .on('error', () => setTimeout(ask, 50))
      ask()
      setInterval(() => {}, 1000)`
    await createPod('client', script)
    const { containerStatuses = [] } = await running('client')
    const id = containerStatuses[0]?.containerID?.replace(/^\w+:\/\//, '') ?? ''
    await eventually('the answer', async () => {
      let log = ''
      for await (const line of agent.runtime.logs(id, { follow: false }, AbortSignal.timeout(5_000)))
        log += line.text
      return log === `hello from ${address}\n`
    })
  })

  it('a port of the host leads to its pod', async () => {
    await eventually('an answer', async () => (await ask('127.0.0.1', HOST_PORT)) === 'hello')
  })

  it('who stops serves nothing, and serves again when it starts', async () => {
    await agent.stop()
    expect(await ask(address, 18_084)).toBe('ECONNREFUSED')
    expect(await ask('127.0.0.1', HOST_PORT)).toBe('ECONNREFUSED')
    await agent.start()
    await eventually('the service to answer', async () => (await ask(address, 18_084)) === 'hello')
    await eventually('the port to answer', async () => (await ask('127.0.0.1', HOST_PORT)) === 'hello')
  })

  it('a pod that other hosts run is not looked for here', async () => {
    const endpoints = slice.endpoints.map(endpoint => ({ ...endpoint, nodeName: 'host-2' }))
    await agent.client.update(Kinds.EndpointSlice, { ...slice, endpoints })
    await eventually('it to refuse', async () => (await ask(address, 18_084)) === 'ECONNREFUSED')
  })
})
