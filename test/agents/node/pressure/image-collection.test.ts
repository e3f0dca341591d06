import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { KeptLog } from '../../../../src/agents/kept/kept-log.ts'
import {
  bytesToFree,
  collectableImages,
  type ImageUse,
  type PulledImage,
} from '../../../../src/agents/node/pressure/image-collection.ts'
import { ImageLedger, workloadOf } from '../../../../src/agents/node/pressure/image-ledger.ts'
import { silentLogger, systemClock } from '../../../../src/base/index.ts'
import { testKeyring } from '../../support/keyring.ts'
import { pod } from '../../support/pod-view.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const NOW = 100 * DAY

const image = (id: string, usedAt = 0, pulledAt = 0): PulledImage => ({ id, bytes: 1, pulledAt, usedAt })
const use = (workload: string, imageId: string, usedAt: number): ImageUse => ({ workload, imageId, usedAt })

function collect(
  images: readonly PulledImage[],
  { uses = [], inUse = [] }: { uses?: readonly ImageUse[]; inUse?: readonly string[] } = {},
): readonly string[] {
  return collectableImages(images, { uses, inUse: new Set(inUse), now: NOW }).map(({ id }) => id)
}

describe('collectableImages()', () => {
  it('collectableImages() takes what is unused longest first, and nothing that is used or has just come', () => {
    const images = [image('b', 2), image('a', 1), image('used', 0), image('fresh', NOW, NOW - 60_000)]
    expect(collect(images, { inUse: ['used'] })).toEqual(['a', 'b'])
  })

  it('collectableImages() keeps the images of the last eleven revisions of a workload', () => {
    const ids = Array.from({ length: 13 }, (_, index) => `r${index}`)
    const uses = ids.map((id, index) => use('shop/ReplicaSet/web/app', id, NOW - (13 - index) * HOUR))
    expect(
      collect(
        ids.map(id => image(id)),
        { uses },
      ),
    ).toEqual(['r0', 'r1'])
  })

  it('collectableImages() counts a rollback as the newest use', () => {
    const ids = Array.from({ length: 12 }, (_, index) => `r${index}`)
    const uses = ids.map((id, index) => use('shop/ReplicaSet/web/app', id, index === 0 ? NOW : index))
    expect(
      collect(
        ids.map(id => image(id)),
        { uses },
      ),
    ).toEqual(['r1'])
  })

  it('collectableImages() forgets a workload that was not here for a month', () => {
    const old = use('shop/ReplicaSet/gone/app', 'old', NOW - 31 * DAY)
    const late = use('shop/ReplicaSet/late/app', 'late', NOW - 29 * DAY)
    expect(collect([image('old'), image('late')], { uses: [old, late] })).toEqual(['old'])
  })
})

describe('bytesToFree()', () => {
  it.each([
    ['under 80 % used', 21, 0],
    ['at 80 %', 20, 5],
    ['nearly full', 1, 24],
  ])('bytesToFree(): %s', (_, availableBytes, expected) => {
    expect(bytesToFree({ availableBytes, capacityBytes: 100 })).toBe(expected)
  })
})

describe('ImageLedger', () => {
  it('ImageLedger knows after a restart what was pulled and used, and nothing of images of others', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'bowline-ledger-'))
    try {
      const open = () =>
        new ImageLedger(
          new KeptLog({
            path: join(folder, 'images.log'),
            seal: testKeyring.seal('images'),
            clock: systemClock,
            log: silentLogger,
          }),
        )
      const first = open()
      await first.loaded
      first.pulled('sha256:mine', 5)
      first.pulled('sha256:gone', 6)
      first.used(use('shop/ReplicaSet/web/app', 'sha256:mine', 7))
      first.forget('sha256:gone')
      await first.close()
      const second = open()
      await second.loaded
      const stored = ['sha256:mine', 'sha256:gone', 'sha256:foreign'].map(id => ({ id, bytes: 3 }))
      expect(second.ownOf(stored)).toEqual([{ id: 'sha256:mine', bytes: 3, pulledAt: 5, usedAt: 7 }])
      expect(second.uses).toEqual([use('shop/ReplicaSet/web/app', 'sha256:mine', 7)])
      await second.close()
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})

describe('workloadOf()', () => {
  const owned = (kind: string, name: string, labels: Record<string, string> = {}) =>
    pod(
      {},
      {
        metadata: {
          labels,
          ownerReferences: [{ apiVersion: 'apps/v1', kind, name, uid: 'u', controller: true }],
        },
      },
    )

  it('workloadOf() is the same for every revision of a Deployment', () => {
    const labels = { 'pod-template-hash': '7d9f' }
    expect(workloadOf(owned('ReplicaSet', 'web-7d9f', labels))).toBe('shop/ReplicaSet/web')
    expect(workloadOf(owned('ReplicaSet', 'by-hand'))).toBe('shop/ReplicaSet/by-hand')
    expect(workloadOf(owned('StatefulSet', 'db'))).toBe('shop/StatefulSet/db')
    expect(workloadOf(pod())).toBeUndefined()
  })
})
