import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openProcessRuntime } from '../../../../src/agents/runtime/index.ts'
import { silentLogger, systemClock } from '../../../../src/base/index.ts'
import { describeRuntime } from '../conformance.ts'

describeRuntime('openProcessRuntime()', async () => {
  const stateDir = await mkdtemp(join(tmpdir(), 'bowline-process-'))
  return {
    open: () =>
      openProcessRuntime({
        stateDir,
        clusterUid: 'test',
        nodeName: stateDir,
        clock: systemClock,
        log: silentLogger,
      }),
    image: 'ignored:1',
    runsPrograms: true,
    survivesRestart: true,
    close: () => rm(stateDir, { recursive: true, force: true }),
  }
})
