import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe } from 'vitest'
import { openDockerRuntime } from '../../../../src/agents/runtime/index.ts'
import { silentLogger, systemClock, systemIds } from '../../../../src/base/index.ts'
import {
  startTestEngine,
  TEST_IMAGE,
  type TestEngine,
  testEngineAvailability,
} from '../../../support/dockerd.ts'
import { openTestPods } from '../../network/pods/test-pods.ts'
import { describeRuntime } from '../conformance.ts'

const { available, reason } = testEngineAvailability()

describe.skipIf(!available)(`openDockerRuntime() (${reason})`, () => {
  let engine: TestEngine
  beforeAll(async () => {
    engine = await startTestEngine()
  })
  afterAll(() => engine?.destroy())

  for (const wiring of ['agent', 'engine'] as const)
    describeRuntime(`sandboxes wired by the ${wiring}`, async () => {
      const stateDir = await mkdtemp(join(tmpdir(), 'bowline-docker-'))
      const owner = { clusterUid: systemIds.uid(), nodeName: 'node-1' }
      const podNetwork = wiring === 'agent' ? await openTestPods(engine, owner) : undefined
      return {
        open: () =>
          openDockerRuntime({
            socketPath: engine.socketPath,
            ...owner,
            clock: systemClock,
            log: silentLogger,
            options: podNetwork === undefined ? {} : { stateDir, podNetwork },
          }),
        image: TEST_IMAGE,
        runsPrograms: true,
        survivesRestart: true,
        async close() {
          await podNetwork?.purge()
          await rm(stateDir, { recursive: true, force: true })
        },
      }
    })
})
