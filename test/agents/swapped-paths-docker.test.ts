import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { PodStatus, Volume, VolumeMount } from '../../src/kube/index.ts'
import { startTestEngine, TEST_IMAGE, type TestEngine, testEngineAvailability } from '../support/dockerd.ts'
import { isReady, podUntil, startDockerAgent, type TestAgent, until } from './support/test-agent.ts'

const { available, reason } = testEngineAvailability()

/** As a container that has the volume, too: for some seconds, what was a folder is a link to elsewhere, and a folder again. */
const SWAPS = `
const { renameSync } = require('node:fs')
const name = process.argv[1]
const pause = ms => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
for (const end = Date.now() + 6_000; Date.now() < end; ) {
  pause(Math.random() * 20)
  renameSync(name, name + '.folder')
  renameSync(name + '.link', name)
  pause(Math.random() * 20)
  renameSync(name, name + '.link')
  renameSync(name + '.folder', name)
}`

/** So many starts are tried; without protection, about every third of them gets elsewhere. */
const STARTS = 16

describe.skipIf(!available)(`mounts of paths that are swapped (${reason})`, { timeout: 120_000 }, () => {
  let engine: TestEngine
  let agent: TestAgent
  let folder: string
  let swapping: ChildProcess | undefined

  beforeAll(async () => {
    engine = await startTestEngine()
  })
  beforeEach(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'bowline-swapped-')))
    await mkdir(join(folder, 'allowed/part/inside'), { recursive: true })
    await writeFile(join(folder, 'allowed/part/inside/what'), 'own')
    await mkdir(join(folder, 'secret/inside'), { recursive: true })
    await writeFile(join(folder, 'secret/inside/what'), 'secret')
    await symlink(join(folder, 'secret'), join(folder, 'allowed/part.link'))
    swapping = spawn(process.execPath, ['-e', SWAPS, join(folder, 'allowed/part')], { stdio: 'inherit' })
  })
  afterEach(async () => {
    if (swapping?.exitCode === null) {
      swapping.kill('SIGKILL')
      await once(swapping, 'exit')
    }
    await agent?.close()
    await rm(folder, { recursive: true, force: true })
  })
  afterAll(() => engine?.destroy())

  /** Starts pods that say what they find in their mount, and answers with all that was found. */
  async function find(volume: Volume, mount: Partial<VolumeMount>): Promise<ReadonlySet<string>> {
    agent = await startDockerAgent(engine, { allowHost: [join(folder, 'allowed')] })
    const names = Array.from({ length: STARTS }, (_, index) => `pod-${index}`)
    for (const name of names)
      await agent.createPod(name, {
        restartPolicy: 'Never',
        containers: [
          {
            name: 'app',
            image: TEST_IMAGE,
            imagePullPolicy: 'IfNotPresent',
            command: ['sh', '-c', 'cat /mounted/what > /dev/termination-log'],
            volumeMounts: [{ name: volume.name, mountPath: '/mounted', ...mount }],
          },
        ],
        volumes: [volume],
      })
    const found = new Set<string>()
    for (const name of names) {
      const { containerStatuses } = await podUntil(agent, name, isOver)
      found.add(containerStatuses?.[0]?.state?.terminated?.message ?? 'nothing')
    }
    return found
  }

  function isOver({ phase }: PodStatus): boolean {
    return phase === 'Succeeded' || phase === 'Failed'
  }

  it('a subPath never leads out of its volume', async () => {
    const volume = { name: 'v', hostPath: { path: join(folder, 'allowed') } }
    expect(await find(volume, { subPath: 'part/inside' })).toEqual(new Set(['own']))
  })

  it('a hostPath never leads out of what the host allows', async () => {
    const volume = { name: 'v', hostPath: { path: join(folder, 'allowed/part/inside') } }
    expect(await find(volume, {})).toEqual(new Set(['own']))
  })

  it('nothing of the agent stays mounted, and what was made for a start that never came is made anew', async () => {
    agent = await startDockerAgent(engine, { allowHost: [folder] })
    const volumes: Volume[] = [
      { name: 'scratch', emptyDir: {} },
      { name: 'file', hostPath: { path: join(folder, 'secret/inside/what'), type: 'File' } },
    ]
    const volumeMounts: VolumeMount[] = [
      { name: 'scratch', mountPath: '/a', subPath: 'x/y' },
      { name: 'file', mountPath: '/b' },
    ]
    const script = 'cat /b > /a/copy; trap "exit 0" TERM; sleep 1000 & wait'
    const container = {
      name: 'app',
      image: TEST_IMAGE,
      imagePullPolicy: 'IfNotPresent',
      volumeMounts,
    } as const
    await agent.createPod('once', {
      restartPolicy: 'Never',
      containers: [{ ...container, command: ['sh', '-c', script] }],
      volumes,
    })
    await podUntil(agent, 'once', isReady)
    const copy = join(
      agent.folder,
      'pods',
      (await agent.pod('once')).metadata.uid ?? '',
      'volumes/scratch/x/y/copy',
    )
    await until('it has written', () =>
      readFile(copy, 'utf8')
        .then(text => text === 'secret')
        .catch(() => false),
    )
    expect(await mountsOfAgent()).toEqual([])

    await agent.stop()
    const [{ id = '', specHash = '', sandboxId = '', pod = undefined } = {}] =
      await agent.runtime.listContainers()
    if (pod === undefined) throw new Error('there is no container')
    await agent.runtime.removeContainer(id)
    await mkdir(join(folder, 'staged'))
    await agent.runtime.createContainer(sandboxId, {
      ...{ pod, name: 'app', attempt: 1, specHash, image: TEST_IMAGE, env: [], command: ['true'] },
      ...{ oomScoreAdj: 0, readOnlyRootFilesystem: false, privileged: false, tty: false, stdin: false },
      capabilities: { add: [], drop: [] },
      mounts: [{ hostPath: join(folder, 'staged'), containerPath: '/a', readOnly: false }],
    })
    await rm(join(folder, 'staged'), { recursive: true })
    await agent.start({ reopen: true })
    const isAgain = (status: PodStatus) =>
      isReady(status) && (status.containerStatuses?.[0]?.restartCount ?? 0) > 0
    await podUntil(agent, 'once', isAgain)
    expect((await agent.events('once')).filter(({ reason }) => reason === 'Failed')).toEqual([])
    expect(await mountsOfAgent()).toEqual([])
  })

  it('a container has its mounts again when its engine has started anew, and keeps them when its agent does', async () => {
    agent = await startDockerAgent(engine)
    await runWriter()
    async function isThere(): Promise<boolean> {
      const { containerStatuses = [] } = (await agent.pod('app')).status ?? {}
      const id = containerStatuses[0]?.containerID?.replace('docker://', '') ?? ''
      const asked = await agent.runtime.exec(id, ['ls', '/v'], 5000).catch(() => undefined)
      return asked?.stdout === 'here\n'
    }
    await until('it has written', isThere)
    if (engine.canBeKilled) {
      await engine.kill()
      await engine.start()
      await until('it is there again', isThere)
    }
    await agent.stop()
    await agent.start({ reopen: true })
    expect(await isThere()).toBe(true)
    expect(await mountsOfAgent()).toEqual([])
  })

  it('an agent that may not mount still looks where a path leads', async () => {
    agent = await startDockerAgent(engine, { mayMount: false })
    await runWriter()
    const { uid = '' } = (await agent.pod('app')).metadata
    await until('it has written', () => existsSync(join(agent.folder, 'pods', uid, 'volumes/v/x/here')))
  })

  /** A pod `app` that writes `here` into the part `x` of its volume `v`, and stays. */
  async function runWriter(): Promise<void> {
    const volumeMounts = [{ name: 'v', mountPath: '/v', subPath: 'x' }]
    const container = {
      name: 'app',
      image: TEST_IMAGE,
      imagePullPolicy: 'IfNotPresent',
      volumeMounts,
    } as const
    await agent.createPod('app', {
      containers: [
        { ...container, command: ['sh', '-c', 'touch /v/here; trap "exit 0" TERM; sleep 1000 & wait'] },
      ],
      volumes: [{ name: 'v', emptyDir: {} }],
    })
    await podUntil(agent, 'app', isReady)
  }

  async function mountsOfAgent(): Promise<readonly string[]> {
    const mounts = (await readFile('/proc/self/mountinfo', 'utf8'))
      .split('\n')
      .map(line => line.split(' ')[4] ?? '')
    return mounts.filter(path => path.startsWith(`${agent.folder}/`) && !path.endsWith('/mounts'))
  }
})
