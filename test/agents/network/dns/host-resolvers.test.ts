import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HostResolvers } from '../../../../src/agents/network/dns/index.ts'
import { parseResolvConf } from '../../../../src/agents/network/dns/resolv-conf.ts'
import { FakeClock } from '../../../base/fake-clock.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bowline-resolvers-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('parseResolvConf()', () => {
  it('reads what kubelet reads, as it does', () => {
    const text = [
      '# nameserver 192.0.2.9',
      'nameserver 192.0.2.1',
      '  nameserver\t2001:db8::1 # the second',
      'nameserver',
      'search first.example',
      'search corp.example. example',
      'options timeout:1',
      'options edns0 trust-ad',
      'domain ignored.example',
      '',
    ].join('\n')
    expect(parseResolvConf(text)).toEqual({
      servers: ['192.0.2.1', '2001:db8::1'],
      searches: ['corp.example', 'example'],
      options: ['edns0', 'trust-ad'],
    })
  })
})

describe('HostResolvers', () => {
  async function resolvers(own: string, systemd: string = '') {
    const files = [join(folder, 'resolv.conf'), join(folder, 'systemd.conf')]
    await writeFile(files[0] ?? '', own)
    await writeFile(files[1] ?? '', systemd)
    const clock = new FakeClock()
    return { clock, files, host: new HostResolvers({ clock, files }) }
  }

  it('gives the host its own cache and pods what is behind it', async () => {
    const { host } = await resolvers(
      'nameserver 127.0.0.53\nsearch a.example\n',
      'nameserver 192.0.2.1\nsearch b.example\n',
    )
    expect(await host.forHost()).toMatchObject({ servers: ['127.0.0.53'], searches: ['a.example'] })
    expect(await host.forPods()).toMatchObject({ servers: ['192.0.2.1'], searches: ['b.example'] })
  })

  it('leaves out servers that a pod cannot reach, and keeps the host’s search list', async () => {
    const { host } = await resolvers(
      'nameserver 127.0.0.1\nnameserver ::1\nnameserver 192.0.2.2\nnameserver nonsense\n',
    )
    expect(await host.forPods()).toMatchObject({ servers: ['192.0.2.2'] })
    const { host: lonely } = await resolvers('nameserver 127.0.0.1\nsearch a.example\n')
    expect(await lonely.forPods()).toEqual({ servers: [], searches: ['a.example'], options: [] })
  })

  it('follows the files as they change, but not into an empty one that is being written', async () => {
    const { clock, files, host } = await resolvers('nameserver 192.0.2.1\n')
    expect(await host.forHost()).toMatchObject({ servers: ['192.0.2.1'] })
    await writeFile(files[0] ?? '', '')
    await clock.advance(5000)
    expect(await host.forHost()).toMatchObject({ servers: ['192.0.2.1'] })
    await writeFile(files[0] ?? '', 'nameserver 192.0.2.2\n')
    await clock.advance(5000)
    expect(await host.forHost()).toMatchObject({ servers: ['192.0.2.2'] })
    await rm(files[0] ?? '')
    await clock.advance(5000)
    expect(await host.forHost()).toMatchObject({ servers: ['192.0.2.2'] })
  })
})
