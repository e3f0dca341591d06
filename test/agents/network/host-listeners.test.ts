import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { expect, it } from 'vitest'
import { HostListeners, listenersIn } from '../../../src/agents/network/host-listeners.ts'
import { silentLogger, systemClock } from '../../../src/base/index.ts'

const HEAD = '  sl  local_address rem_address   st tx_queue rx_queue\n'

it('listenersIn() finds what others of the network reach, and nothing else', () => {
  const tcp = [
    '   0: 00000000:0016 00000000:0000 0A 00000000:00000000',
    '   1: 0100007F:1538 00000000:0000 0A 00000000:00000000',
    '   2: 0500A8C0:192B 00000000:0000 0A 00000000:00000000',
    '   3: 0500A8C0:9C40 0600A8C0:01BB 01 00000000:00000000',
  ]
  expect(listenersIn(HEAD + tcp.join('\n'), 'TCP')).toEqual([
    { protocol: 'TCP', port: 22, address: undefined },
    { protocol: 'TCP', port: 6443, address: '192.168.0.5' },
  ])
  const tcp6 = [
    '   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 00000000',
    '   1: 00000000000000000000000001000000:0051 00000000000000000000000000000000:0000 0A 00000000',
    '   2: 0000000000000000FFFF00000500A8C0:0052 00000000000000000000000000000000:0000 0A 00000000',
  ]
  expect(listenersIn(HEAD + tcp6.join('\n'), 'TCP')).toEqual([
    { protocol: 'TCP', port: 80, address: undefined },
    { protocol: 'TCP', port: 82, address: '192.168.0.5' },
  ])
  const udp = [
    '   0: 00000000:0035 00000000:0000 07 00000000:00000000',
    '   1: 00000000:C000 00000000:0000 07 00000000:00000000',
  ]
  expect(listenersIn(HEAD + udp.join('\n'), 'UDP')).toEqual([
    { protocol: 'UDP', port: 53, address: undefined },
    { protocol: 'UDP', port: 49_152, address: undefined },
  ])
})

it('HostListeners takes a port that programs ask from for one that is listened at once it stays', async () => {
  const udp = `${HEAD}   0: 00000000:CA6C 00000000:0000 07 00000000:00000000\n`
  const listeners = new HostListeners({
    sharedPorts: [],
    read: async name => (name === 'udp' ? udp : HEAD),
    clock: systemClock,
    log: silentLogger,
  })
  const wireguard = { protocol: 'UDP', port: 51_820, address: undefined } as const
  expect(await listeners.holderOf(wireguard)).toBeUndefined()
  expect(await listeners.holderOf(wireguard)).toEqual(wireguard)
})

it('HostListeners.holderOf() knows who listens now, but for the shared ports', async () => {
  const server = createServer().listen(0, '0.0.0.0')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const options = { clock: systemClock, log: silentLogger }
  const wanted = { protocol: 'TCP', port, address: '192.0.2.1' } as const
  const listeners = new HostListeners({ ...options, sharedPorts: [] })
  expect(await listeners.holderOf(wanted)).toEqual({ protocol: 'TCP', port, address: undefined })
  expect(await listeners.holderOf({ ...wanted, protocol: 'UDP' })).toBeUndefined()
  expect(await new HostListeners({ ...options, sharedPorts: [port] }).holderOf(wanted)).toBeUndefined()
  server.close()
  await once(server, 'close')
  expect(await listeners.holderOf(wanted)).toBeUndefined()
})
