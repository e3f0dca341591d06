import { expect, it } from 'vitest'
import { createHollowRuntime } from '../../../../src/agents/runtime/index.ts'
import { silentLogger, systemClock } from '../../../../src/base/index.ts'
import { baseConfig, describeRuntime, podNamed } from '../conformance.ts'

const options = { clock: systemClock, log: silentLogger }

describeRuntime('createHollowRuntime()', async () => {
  const runtime = createHollowRuntime(options)
  return { open: async () => runtime, image: 'any:1', runsPrograms: false, survivesRestart: false }
})

it('exitContainer() makes a container fail as a program would', async () => {
  const runtime = createHollowRuntime(options)
  const pod = podNamed('fails')
  const sandbox = await runtime.runSandbox({ pod, attempt: 0, hostname: pod.name, ports: [] })
  const id = await runtime.createContainer(sandbox.id, baseConfig(pod, 'any:1'))
  await runtime.startContainer(id)
  runtime.exitContainer(id, 3)
  expect(await runtime.containerStatus(id)).toMatchObject({ state: 'exited', exitCode: 3, reason: 'Error' })
})
