import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Host, NetLab, netLabAvailability } from './support/net-lab.ts'

const SCRIPT = join(import.meta.dirname, 'support/make-and-remove.ts')
const availability = netLabAvailability()

describe.skipIf(!availability.available)(`removeNetwork() (${availability.reason})`, () => {
  let lab: NetLab
  let host: Host

  beforeAll(async () => {
    lab = await NetLab.create()
    host = await lab.addHost()
  })
  afterAll(() => lab?.destroy())

  it('leaves nothing of the node behind, and everything of others as it was', async () => {
    for (const command of [
      'iptables -P FORWARD DROP',
      'iptables -A FORWARD -s 192.0.2.0/24 -j ACCEPT',
      'nft add table ip foreign',
      'nft add table ip bowline-0000000',
      'ip link add bowline-0000000 type bridge',
      'ip route add 198.51.100.0/24 via 10.200.0.99',
    ])
      await host.exec(...command.split(' '))
    const output = await host.exec(process.execPath, '--import', 'tsx', SCRIPT, '10.200.0.99')
    const { mark, made, removed } = JSON.parse(output) as Record<'mark' | 'made' | 'removed', string>
    const own = [
      `table ip ${mark}`,
      `${mark} `,
      mark.replace('bowline', 'bovx'),
      '10.77.0.0/16',
      '10.78.0.0/16',
    ]
    for (const trace of [...own, '10.77.1.1', '10.77.2.0/24']) expect(made).toContain(trace)
    expect(removed).not.toContain(mark.replace('bowline-', ''))
    expect(removed).not.toMatch(/10\.7[78]\./)
    for (const other of ['table ip foreign', 'table ip bowline-0000000', 'bowline-0000000 ', '192.0.2.0/24'])
      expect(removed).toContain(other)
    expect(removed).toContain('198.51.100.0/24 via 10.200.0.99')
  })
})
