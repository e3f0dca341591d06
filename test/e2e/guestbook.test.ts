import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { guestbookFiles } from '../../scripts/demo/hosts/guestbook-files.ts'
import { startVisitors } from '../../scripts/demo/hosts/visitors.ts'
import { Kinds, type Pod } from '../../src/kube/index.ts'
import { Fleet } from '../support/fleet.ts'
import { type TestHost, TestHosts, testHostsAvailability } from '../support/hosts.ts'
import type { Answer } from '../support/place.ts'

const { available, reason } = testHostsAvailability()

describe.skipIf(!available)(`examples/guestbook on three hosts (${reason})`, () => {
  let hosts: TestHosts
  let fleet: Fleet

  beforeAll(async () => {
    hosts = await TestHosts.start({ hosts: 3 })
    fleet = await Fleet.create({ main: inject('bowlineMain'), hosts })
    await fleet.start()
    const { code, stdout, stderr } = await fleet.deploy('The guestbook', await guestbookFiles())
    expect(`${stdout}${stderr}`, stdout).toContain('✓')
    expect(code).toBe(0)
  }, 600_000)
  afterAll(async () => {
    await fleet?.destroy()
    await hosts?.destroy()
  })

  /** What is asked for at the ingress of a host, from that host. */
  function ask(host: TestHost, path: string, body?: string): Promise<Answer> {
    return host.request(`http://guestbook.example.org${path}`, {
      at: { host: host.address, port: 80 },
      timeoutMs: 10_000,
      ...(body === undefined ? {} : { method: 'POST', body }),
    })
  }

  async function pods(tier: string): Promise<readonly Pod[]> {
    const { items } = await fleet.client.list(Kinds.Pod, { labelSelector: `app=guestbook,tier=${tier}` })
    return items
  }

  it('answers at every host, whichever hosts the tiers are on', async () => {
    for (const host of hosts.all) {
      const page = await fleet.until(`the page at ${host.name}`, async () => {
        const answer = await ask(host, '/').catch(() => undefined)
        return answer?.status === 200 && answer
      })
      expect(page.body).toContain('<h1>Guestbook</h1>')
    }
    expect(new Set((await pods('web')).map(({ spec }) => spec?.nodeName)).size).toBe(3)
  })

  it('keeps an entry that was signed at one host and shows it at another', async () => {
    expect((await ask(hosts.host(1), '/cgi-bin/entries', 'Ada was here')).status).toBe(200)
    expect((await ask(hosts.host(3), '/cgi-bin/entries')).body).toContain('Ada was here')
  })

  it('keeps the entries when the pod of the store is replaced', async () => {
    const [before] = await pods('store')
    await fleet.kubectlOk(['delete', 'pod', 'store-0'])
    await fleet.until('another store-0', async () => {
      const [pod] = await pods('store')
      const isReady = pod?.status?.conditions?.some(
        ({ type, status }) => type === 'Ready' && status === 'True',
      )
      return isReady && pod?.metadata.uid !== before?.metadata.uid
    })
    const [after] = await pods('store')
    expect(after?.spec?.nodeName).toBe(before?.spec?.nodeName)
    await fleet.until('the entry', async () =>
      (await ask(hosts.host(2), '/cgi-bin/entries')).body.includes('Ada was here'),
    )
  })

  it('fails no request while a new version of the page is rolled out', async () => {
    const visitors = startVisitors(hosts.all.map(host => () => ask(host, '/')))
    let code: number | null = null
    try {
      const files = await guestbookFiles(text => text.replace('value: Guestbook', 'value: Visitors'))
      code = (await fleet.deploy('A new title', files)).code
    } finally {
      const { requests, failures } = await visitors.stop()
      expect(failures).toEqual([])
      expect(requests).toBeGreaterThan(30)
    }
    expect(code).toBe(0)
    expect((await ask(hosts.host(1), '/')).body).toContain('<h1>Visitors</h1>')
  })
})
