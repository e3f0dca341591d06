import { randomBytes } from 'node:crypto'
import { statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { KeptLog } from '../../../../src/agents/kept/kept-log.ts'
import { ImageLedger } from '../../../../src/agents/node/pressure/image-ledger.ts'
import { PressureLoop } from '../../../../src/agents/node/pressure/pressure-loop.ts'
import { type OpenRuntime, openDockerRuntime } from '../../../../src/agents/runtime/index.ts'
import { type Clock, silentLogger, systemClock, systemIds } from '../../../../src/base/index.ts'
import {
  startTestEngine,
  TEST_IMAGE,
  type TestEngine,
  testEngineAvailability,
} from '../../../support/dockerd.ts'
import { mountSmallDisk } from '../../../support/small-disk.ts'
import { startRegistry, type TestRegistry } from '../../runtime/docker/registry.ts'
import { testKeyring } from '../../support/keyring.ts'
import { pod } from '../../support/pod-view.ts'
import { until } from '../../support/test-agent.ts'

const { available, reason } = testEngineAvailability()
const MI = 2 ** 20

describe.skipIf(!available || process.env.BOWLINE_TEST_DOCKER !== undefined)(
  `images on a disk that fills up (${reason})`,
  () => {
    let disk: ReturnType<typeof mountSmallDisk>
    let engine: TestEngine
    let runtime: OpenRuntime
    const registries: TestRegistry[] = []

    beforeAll(async () => {
      disk = mountSmallDisk({ bytes: 128 * MI })
      const before = process.env.TMPDIR
      process.env.TMPDIR = disk.path
      try {
        engine = await startTestEngine()
      } finally {
        if (before === undefined) delete process.env.TMPDIR
        else process.env.TMPDIR = before
      }
      runtime = await openDockerRuntime({
        socketPath: engine.socketPath,
        clusterUid: systemIds.uid(),
        nodeName: 'host-1',
        clock: systemClock,
        log: silentLogger,
      })
    })
    afterAll(async () => {
      for (const registry of registries) await registry.close()
      await runtime?.close()
      await engine?.destroy()
      disk?.remove()
    })

    /** An image that only its own registry has. */
    async function pull(): Promise<string> {
      const registry = await startRegistry(undefined, randomBytes(4 * MI))
      registries.push(registry)
      return (await runtime.pullImage(`${registry.address}/image:1`, undefined)).id
    }

    it('unused images go at 80 %, but those of a rollback, of others and in use stay', async () => {
      const [unused, rollback, used, foreign] = [await pull(), await pull(), await pull(), await pull()]
      const { id: imported = '' } = (await runtime.imageStatus(TEST_IMAGE)) ?? {}
      const stranger = await engine.docker.createContainer({ Image: used, Cmd: ['x'] })
      // A quarter of an hour later, so that no image is too fresh to go.
      const clock: Clock = { ...systemClock, now: () => systemClock.now() + 900_000 }
      const ledger = new ImageLedger(
        new KeptLog({
          path: join(disk.path, 'images.log'),
          seal: testKeyring.seal('images'),
          clock,
          log: silentLogger,
        }),
      )
      await ledger.loaded
      for (const id of [unused, rollback, used]) ledger.pulled(id, systemClock.now())
      ledger.used({ workload: 'shop/ReplicaSet/web/app', imageId: rollback, usedAt: systemClock.now() })
      const loop = new PressureLoop({
        runtime,
        pods: {
          present: () => [{ pod: pod(), containers: [] }],
          living: () => [],
          isEvicting: false,
          evict: () => {},
          removeEnded: async () => {},
        },
        ledger,
        memoryDir: undefined,
        dataDir: disk.path,
        clock,
        log: silentLogger,
        onChange: () => {},
      })
      const { availableBytes, capacityBytes } = await room(disk.path)
      await writeFile(join(disk.path, 'filler'), Buffer.alloc(availableBytes - 0.18 * capacityBytes))
      const stop = new AbortController()
      const running = loop.run(stop.signal)
      const images = async () => new Set(((await runtime.room?.listImages()) ?? []).map(({ id }) => id))
      await until('the unused one is gone', async () => !(await images()).has(unused))
      stop.abort()
      await running
      const left = await images()
      for (const id of [rollback, used, foreign, imported]) expect(left.has(id)).toBe(true)
      await stranger.remove()
      await ledger.close()
    })
  },
)

async function room(
  path: string,
): Promise<{ readonly availableBytes: number; readonly capacityBytes: number }> {
  const { bavail, blocks, bsize } = await statfs(path)
  return { availableBytes: bavail * bsize, capacityBytes: blocks * bsize }
}
