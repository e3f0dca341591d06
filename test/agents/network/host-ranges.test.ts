import { afterEach, describe, expect, it } from 'vitest'
import { claimName, clashingRanges, HostRanges, readClaims } from '../../../src/agents/network/host-ranges.ts'
import { systemIds } from '../../../src/base/index.ts'
import { eventually } from '../../base/eventually.ts'

const UID = '1b4e28ba-2fa1-41d2-883f-0016d3cca427'

describe('clashingRanges()', () => {
  const others = [
    { clusterUid: UID, ranges: ['10.42.0.0/16', '10.43.0.0/16'] },
    { clusterUid: 'other', ranges: ['10.43.128.0/20', '10.44.0.0/16'] },
    { clusterUid: 'third', ranges: ['10.43.128.0/20'] },
  ]

  it('are those of other clusters that overlap, each once', () => {
    expect(clashingRanges({ clusterUid: UID, ranges: ['10.42.0.0/16', '10.43.0.0/16'] }, others)).toEqual([
      '10.43.128.0/20',
    ])
    expect(clashingRanges({ clusterUid: UID, ranges: ['10.50.0.0/16'] }, others)).toEqual([])
  })
})

describe('readClaims()', () => {
  it('finds what agents said among all sockets of the kernel', () => {
    const claim = { clusterUid: UID, ranges: ['10.42.0.0/16', '10.43.0.0/16'] }
    const list = [
      'Num       RefCount Protocol Flags    Type St Inode Path',
      `00000000f984e56c: 00000002 00000000 00010000 0001 01 3133284 @${claimName(claim, '0a1b2c3')}@@@@@@@@`,
      '00000000b1ec656b: 00000002 00000000 00010000 0001 01 3133280 /run/docker.sock',
      '00000000b1ec656c: 00000002 00000000 00010000 0001 01 3133281 @bowline-ranges/nothing',
    ]
    expect(readClaims(list.join('\n'))).toEqual([claim])
  })
})

describe.skipIf(process.platform !== 'linux')('HostRanges', () => {
  const open: HostRanges[] = []
  afterEach(() => {
    for (const ranges of open.splice(0)) ranges.close()
  })

  /** An agent of a cluster, and the clashes that it was told of. */
  function agent(clusterUid: string, nodeName = 'one') {
    const told: string[] = []
    const ranges = new HostRanges({ clusterUid, nodeName, onClash: clash => told.push(...clash) })
    open.push(ranges)
    return { ranges, told }
  }

  it('tells the agent of another cluster that comes second, until the first is gone', async () => {
    // Of no network that anybody has, and not of another run of this test either.
    const range = `240.${Math.floor(systemIds.random() * 250)}.0.0/16`
    const first = agent(systemIds.uid())
    await first.ranges.claim([range])
    const second = agent(systemIds.uid())
    await eventually('it is told', async () => {
      await second.ranges.claim([])
      await second.ranges.claim([range])
      return second.told.includes(range)
    })
    second.ranges.close()
    expect(first.told).toEqual([])
    first.ranges.close()
    await eventually('it is told of nothing any more', async () => {
      const third = agent(systemIds.uid())
      await third.ranges.claim([range])
      third.ranges.close()
      return third.told.length === 0
    })
  })

  it('is nothing among agents of one cluster', async () => {
    const uid = systemIds.uid()
    const range = `241.${Math.floor(systemIds.random() * 250)}.0.0/16`
    await agent(uid, 'one').ranges.claim([range])
    const other = agent(uid, 'two')
    await other.ranges.claim([range])
    expect(other.told).toEqual([])
  })
})
