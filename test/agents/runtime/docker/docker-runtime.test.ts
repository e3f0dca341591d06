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
      const clusterUid = systemIds.uid()
      return {
        open: () =>
          openDockerRuntime({
            socketPath: engine.socketPath,
            clusterUid,
            nodeName: 'node-1',
            clock: systemClock,
            log: silentLogger,
            options: wiring === 'agent' ? { stateDir } : {},
          }),
        image: TEST_IMAGE,
        runsPrograms: true,
        survivesRestart: true,
        close: () => rm(stateDir, { recursive: true, force: true }),
      }
    })
})
