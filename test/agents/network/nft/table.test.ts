import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  Assembly,
  contentChain,
  type Fragment,
  type Nft,
  NftTable,
  namedSet,
  removeTable,
} from '../../../../src/agents/network/nft/index.ts'
import { readInstalled } from '../../../../src/agents/network/nft/read-back.ts'
import { installedBy, renderChange, renderReplacement } from '../../../../src/agents/network/nft/script.ts'
import { silentLogger } from '../../../../src/base/index.ts'
import { type Host, NetLab, netLabAvailability } from '../support/net-lab.ts'
import { assemblyOf, wholeOf } from '../support/whole-of.ts'

const FRAME = `
  map ways { type ipv4_addr . inet_proto . inet_service : verdict; }
  map targets { type inet_proto . inet_service : ipv4_addr . inet_service; }
  set known { type ipv4_addr; }
  chain in { type filter hook input priority 0; ip daddr . meta l4proto . th dport vmap @ways; }`

/** A service that n describes: its own chain, an element in each map, and some clients. */
function fragment(n: number): Fragment {
  const clients = namedSet('clients', `service ${n}`, 'type ipv4_addr; flags dynamic,timeout; timeout 60s;')
  const members = namedSet('members', `service ${n}`, 'type ipv4_addr;')
  const chain = contentChain(`service/a/b${n}`, [`update @${clients.name} { ip saddr }`, 'accept'])
  return {
    chains: [chain, contentChain('shared', ['drop'])],
    sets: [clients, members],
    elements: [
      { of: 'ways', key: `10.0.0.${n} . 6 . 80`, value: `goto ${chain.name}` },
      { of: 'targets', key: `17 . ${n + 1}`, value: `10.1.0.${n} . ${8000 + n}` },
      { of: 'known', key: `10.0.0.${n}` },
      { of: members.name, key: `10.2.0.${n}` },
    ],
  }
}

const ruleset = (...numbers: readonly number[]) => wholeOf(FRAME, numbers.map(fragment))
const assembly = (...numbers: readonly number[]) => assemblyOf(FRAME, numbers.map(fragment))

/** Who wants which fragment then; undefined: none. Two may want the same, and share what it holds. */
const STEPS: readonly (readonly [owner: string, n: number | undefined])[] = [
  ['a', 1],
  ['b', 2],
  ['c', 1],
  ['a', 3],
  ['c', undefined],
  ['d', 3],
  ['a', undefined],
  ['b', 4],
  ['b', undefined],
  ['d', undefined],
  ['d', 5],
]

describe('Assembly', () => {
  const claim = (value: string, ...keys: readonly string[]): Fragment => ({
    elements: keys.map(key => ({ of: 'ways', key, value })),
  })
  const ways = (of: Assembly) => Object.fromEntries(of.whole().elements.get('ways') ?? [])

  it('of two owners the first has an element, whatever they change, and the second once the first is gone', () => {
    const shared = new Assembly('')
    shared.put('first', claim('a', 'k'))
    shared.put('second', claim('b', 'k', 'l', 'm'))
    expect(ways(shared)).toEqual({ k: 'a', l: 'b', m: 'b' })
    shared.put('first', claim('c', 'k', 'l'))
    expect(ways(shared)).toEqual({ k: 'c', l: 'c', m: 'b' })
    shared.put('first', claim('c', 'k'))
    expect(ways(shared)).toEqual({ k: 'c', l: 'b', m: 'b' })
    shared.remove('first')
    expect(ways(shared)).toEqual({ k: 'b', l: 'b', m: 'b' })
  })

  it('tells of what was touched alone, and of it only until it is settled', () => {
    const many = assembly(1, 2, 3)
    many.settle()
    many.put('1', fragment(4))
    const { before, after } = many.changes()
    expect(installedBy(before)).toEqual({
      ...installedBy(ruleset(2)),
      chains: new Set([...ruleset(2).chains.keys()]),
    })
    expect(after.elements.get('ways')).toEqual(ruleset(4).elements.get('ways'))
    many.settle()
    expect(many.changes().after).toMatchObject({ chains: new Map(), sets: new Map(), elements: new Map() })
  })
})

describe('rulesets', () => {
  it('the first of two fragments that claim an element has it', () => {
    const claim = (value: string): Fragment => ({ elements: [{ of: 'ways', key: 'k', value }] })
    const { elements } = wholeOf('', [claim('accept'), claim('drop')])
    expect(elements.get('ways')?.get('k')).toBe('accept')
  })

  it('names are no longer than the kernel takes, and two long ones differ', () => {
    const names = ['short', `${'long'.repeat(100)}one`, `${'long'.repeat(100)}two`].flatMap(label => [
      contentChain(label, ['accept']).name,
      namedSet(label, 'ingress', 'type ipv4_addr;').name,
    ])
    expect(names.map(name => name.length > 255)).not.toContain(true)
    expect(new Set(names).size).toBe(names.length)
  })

  it('a change names only what differs', () => {
    const script = renderChange('t', installedBy(ruleset(1, 2, 3)), ruleset(1, 3, 4)) ?? ''
    expect(script).not.toContain('10.0.0.1')
    expect(script).not.toContain('10.0.0.3')
    expect(script).toContain('delete element ip t ways { 10.0.0.2 . 6 . 80 }')
    expect(script).toContain('10.0.0.4 . 6 . 80')
    expect(renderChange('t', installedBy(ruleset(1, 2)), ruleset(2, 1))).toBeUndefined()
  })

  it('a table that is not ours, or says what ours never hold, reads as unknown', () => {
    expect(readInstalled('')).toBeUndefined()
    expect(readInstalled('{"nftables": [{"table": {"family": "ip", "name": "t"}}]}')).toBeUndefined()
    const odd = { set: { name: 'known', elem: [{ prefix: { addr: '10.0.0.0', len: 8 } }] } }
    expect(readInstalled(JSON.stringify({ nftables: [{ chain: { name: 'frame-1' } }, odd] }))).toBeUndefined()
  })
})

const availability = netLabAvailability()

describe.skipIf(!availability.available)(`NftTable (${availability.reason})`, () => {
  let lab: NetLab
  let host: Host

  beforeAll(async () => {
    lab = await NetLab.create()
    host = await lab.addHost()
  })
  afterAll(() => lab?.destroy())

  const read = async (table: string) => readInstalled((await host.nft.list(table)) ?? '')
  const open = (name: string, nft: Nft = host.nft) => new NftTable(name, { nft, log: silentLogger })

  it('what nft shows reads as what was loaded, by a replacement and by every kind of change', async () => {
    await host.nft.load(renderReplacement('t1', ruleset(1, 2)))
    expect(await read('t1')).toEqual(installedBy(ruleset(1, 2)))
    const table = open('t1')
    for (const numbers of [[2], [2, 3, 4, 5], [], [5, 1], [1, 5, 6]]) {
      await table.load(assembly(...numbers))
      expect(await read('t1')).toEqual(installedBy(ruleset(...numbers)))
    }
  })

  it('owners that come, change and go leave what a table made at once would hold', async () => {
    const kept = new Assembly(FRAME)
    const table = open('t8')
    const held = new Map<string, number>()
    for (const [owner, n] of STEPS) {
      if (n === undefined) {
        held.delete(owner)
        kept.remove(owner)
      } else {
        held.set(owner, n)
        kept.put(owner, fragment(n))
      }
      await table.load(kept)
      expect(await read('t8')).toEqual(installedBy(ruleset(...held.values())))
    }
    expect(await table.load(kept)).toBe('unchanged')
  })

  it('a new process leaves a table alone that is right, and changes one that is not', async () => {
    expect(await open('t2').load(assembly(1, 2))).toBe('replaced')
    expect(await open('t2').load(assembly(2, 1))).toBe('unchanged')
    expect(await open('t2').load(assembly(1, 3))).toBe('changed')
    expect(await read('t2')).toEqual(installedBy(ruleset(1, 3)))
  })

  it('what traffic put into a set outlives changes of others', async () => {
    const table = open('t3')
    await table.load(assembly(1))
    const name = fragment(1).sets?.[0]?.name ?? ''
    await host.exec('nft', 'add', 'element', 'ip', 't3', name, '{ 10.9.9.9 }')
    await table.load(assembly(1, 2))
    await open('t3').load(assembly(1))
    expect(await host.exec('nft', 'list', 'set', 'ip', 't3', name)).toContain('10.9.9.9')
  })

  it('a table of another frame is replaced, in one transaction', async () => {
    await open('t4').load(assemblyOf(`${FRAME}\nset old { type mark; }`, [fragment(1)]))
    const scripts: string[] = []
    const nft: Nft = {
      ...host.nft,
      async load(script) {
        scripts.push(script)
        await host.nft.load(script)
      },
    }
    expect(await open('t4', nft).load(assembly(2))).toBe('replaced')
    expect(scripts).toHaveLength(1)
    expect(await read('t4')).toEqual(installedBy(ruleset(2)))
  })

  it('a change that no longer fits is followed by a replacement', async () => {
    const table = open('t5')
    const kept = assembly(1, 2)
    await table.load(kept)
    await host.exec('nft', 'flush', 'map', 'ip', 't5', 'ways')
    kept.remove('1')
    expect(await table.load(kept)).toBe('replaced')
    expect(await read('t5')).toEqual(installedBy(ruleset(1)))
  })

  it('a script that nft refuses changes nothing', async () => {
    const table = open('t6')
    await table.load(assembly(1))
    const wrong = assemblyOf(FRAME, [{ elements: [{ of: 'known', key: 'nonsense!' }] }])
    await expect(table.load(wrong)).rejects.toThrow('Cannot change the packet filter')
    expect(await read('t6')).toEqual(installedBy(ruleset(1)))
    expect(await table.load(assembly(1))).toBe('unchanged')
  })

  it('a table that somebody removed is noticed, and others are left alone', async () => {
    const table = open('t7')
    await table.load(assembly(1))
    await host.exec('nft', 'add', 'table', 'ip', 'foreign')
    expect(await table.isLost()).toBe(false)
    await host.exec('nft', 'delete', 'table', 'ip', 't7')
    expect(await table.isLost()).toBe(true)
    expect(await table.load(assembly(1))).toBe('replaced')
    await removeTable(host.nft, 't7')
    await removeTable(host.nft, 't7')
    const tables = await host.exec('nft', 'list', 'tables')
    expect(tables).toContain('table ip foreign')
    expect(tables).not.toContain('t7')
  })
})
