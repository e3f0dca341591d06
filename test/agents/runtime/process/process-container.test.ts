import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ContainerConfig } from '../../../../src/agents/runtime/index.ts'
import { openProcessRuntime } from '../../../../src/agents/runtime/index.ts'
import { parseIdentity } from '../../../../src/agents/runtime/process/process-identity.ts'
import { hasCode, silentLogger, systemClock } from '../../../../src/base/index.ts'
import { openLmdbStore } from '../../../../src/cluster/store/index.ts'
import { eventually } from '../../../base/eventually.ts'
import { baseConfig, collect, podNamed } from '../conformance.ts'

type ProcessRuntime = Awaited<ReturnType<typeof openProcessRuntime>>

const isRoot = process.getuid?.() === 0

describe('openProcessRuntime()', () => {
  let folder: string
  let runtime: ProcessRuntime
  const signal = new AbortController().signal

  async function open(nodeName = 'node-1'): Promise<ProcessRuntime> {
    const stateDir = join(folder, nodeName)
    await mkdir(stateDir, { recursive: true })
    return await openProcessRuntime({
      ...{ stateDir, clusterUid: folder, nodeName },
      ...{ clock: systemClock, log: silentLogger },
    })
  }

  async function started(script: string, changes: Partial<ContainerConfig> = {}): Promise<string> {
    const pod = podNamed('web')
    const sandbox = await runtime.runSandbox({ pod, attempt: 0, hostname: 'web', ports: [] })
    const config = { ...baseConfig(pod, 'ignored:1'), command: ['sh', '-c', script], ...changes }
    const id = await runtime.createContainer(sandbox.id, config)
    await runtime.startContainer(id)
    return id
  }

  async function firstLine(id: string): Promise<string> {
    return await eventually('a line', async () => {
      const [line] = await collect(runtime.logs(id, { follow: false }, signal))
      return line?.text.trim()
    })
  }

  async function identities(id: string): Promise<Record<string, number>> {
    const text = await readFile(join(folder, 'node-1/containers', id, 'processes'), 'utf8')
    const parsed = text.split('\n').flatMap(line => parseIdentity(line) ?? [])
    return Object.fromEntries(parsed.map(({ role, identity }) => [role, identity.pid]))
  }

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bowline-process-'))
    runtime = await open()
  })

  afterEach(async () => {
    await runtime.purge()
    await runtime.close()
    await rm(folder, { recursive: true, force: true })
  })

  it.skipIf(!isRoot)('runs as nobody when the agent is root, whatever the pod asks for', async () => {
    const id = await started('id -un; id -G; exec sleep 1000', { runAsUser: '0' })
    expect(await firstLine(id)).toBe('nobody')
    const inside = await runtime.exec(id, ['id', '-un'], 5_000)
    expect(inside.stdout.trim()).toBe('nobody')
    expect((await runtime.imageStatus('any:1')).user).toBe(
      inside.exitCode === 0 ? execFileSync('id', ['-u', 'nobody'], { encoding: 'utf8' }).trim() : '',
    )
  })

  it('gives a container and what is executed beside it none of the files that the agent or its parent has open', async () => {
    const store = await openLmdbStore({ path: join(folder, 'store'), clock: systemClock, log: silentLogger })
    try {
      const list = 'for file in /proc/self/fd/*; do readlink "$file"; done | tr "\\n" " "'
      const id = await started(`${list}; echo; sleep 60`)
      expect(await firstLine(id)).toContain('stderr.pipe')
      expect(await firstLine(id)).not.toMatch(/store\.mdb|exit|processes/)
      const { stdout } = await runtime.exec(id, ['sh', '-c', list], 10_000)
      expect(stdout).not.toMatch(/store\.mdb/)
    } finally {
      await store.close()
    }
  })

  it('a container whose runner was killed is ended and counts as exited', async () => {
    const id = await started('exec sleep 1000')
    const { self = 0, main = 0 } = await identities(id)
    process.kill(self, 'SIGKILL')
    await eventually('the end', async () => (await runtime.containerStatus(id))?.state === 'exited')
    expect(await runtime.containerStatus(id)).toMatchObject({ exitCode: 137, reason: 'Error' })
    await eventually('the end of what it ran', () => !isThere(main))
  })

  it('an exit that happened while no agent ran is found with its code and its last words', async () => {
    const id = await started('sleep 0.3; echo bye; exit 6')
    const { self = 0 } = await identities(id)
    await runtime.close()
    await eventually('the exit', () => !isThere(self))
    runtime = await open()
    expect(await runtime.containerStatus(id)).toMatchObject({ state: 'exited', exitCode: 6 })
    expect(await firstLine(id)).toBe('bye')
  })

  it('a host that lost power is taken over as far as its files are whole', async () => {
    const lost = await started('exec sleep 1000')
    const pod = podNamed('kept')
    const sandbox = await runtime.runSandbox({ pod, attempt: 0, hostname: 'kept', ports: [] })
    const config = { ...baseConfig(pod, 'ignored:1'), command: ['sh', '-c', 'exit 0'] }
    const kept = await runtime.createContainer(sandbox.id, config)
    const { self = 0, main = 0 } = await identities(lost)
    await runtime.close()
    for (const pid of [self, main]) process.kill(pid, 'SIGKILL')
    // Nobody writes to the files of a host that is off.
    await eventually('the end of both', () => !isThere(self) && !isThere(main))
    const files = join(folder, 'node-1/containers')
    await writeFile(join(files, lost, 'config.json'), '')
    await writeFile(join(files, kept, 'verdict.json'), '{"exitCode":')
    runtime = await open()
    expect((await runtime.listContainers()).map(({ id, state }) => [id, state])).toEqual([[kept, 'created']])
  })

  it('what a program leaves running in its group ends with it', async () => {
    const id = await started('sleep 1000 & echo $!; exit 0')
    const left = Number(await firstLine(id))
    await eventually('the exit', async () => (await runtime.containerStatus(id))?.state === 'exited')
    await eventually('the end of what was left', () => !isThere(left))
  })

  it('removeSandbox() ends a container’s whole group', async () => {
    const id = await started('sleep 1000 & echo $!; wait')
    const child = Number(await firstLine(id))
    const { main = 0 } = await identities(id)
    await runtime.removeSandbox((await runtime.containerStatus(id))?.sandboxId ?? '')
    expect(isThere(main) || isThere(child)).toBe(false)
    expect(await runtime.listContainers()).toEqual([])
  })

  it('a process that took over a recorded number is never signalled', async () => {
    const id = await started('exec sleep 1000')
    const { main = 0 } = await identities(id)
    const stranger = spawn('sleep', ['1000'])
    const path = join(folder, 'node-1/containers', id, 'processes')
    const text = await readFile(path, 'utf8')
    await writeFile(path, text.replace(new RegExp(`^main ${main} `, 'm'), `main ${stranger.pid} `))
    await runtime.close()
    runtime = await open()
    const stopping = runtime.stopContainer(id, 0)
    await writeFile(path, text)
    process.kill(main, 'SIGKILL')
    await stopping
    expect(stillRuns(stranger)).toBe(true)
    stranger.kill('SIGKILL')
  })

  it('a container without a command is refused, because there is no image to take it from', async () => {
    const pod = podNamed('imageless')
    const sandbox = await runtime.runSandbox({ pod, attempt: 0, hostname: 'x', ports: [] })
    const call = runtime.createContainer(sandbox.id, baseConfig(pod, 'ignored:1'))
    await expect(call).rejects.toSatisfy(error => hasCode(error, 'bad-config'))
  })

  it('nodes of a machine take their addresses from different parts of the loopback network', async () => {
    const other = await open('node-2')
    try {
      const address = async (on: ProcessRuntime): Promise<string | undefined> =>
        (await on.runSandbox({ pod: podNamed('a'), attempt: 0, hostname: 'a', ports: [] })).ip
      const [mine, theirs] = [await address(runtime), await address(other)]
      expect(mine).toMatch(/^127\./)
      expect(theirs).toMatch(/^127\./)
      expect(mine?.split('.').slice(0, 3)).not.toEqual(theirs?.split('.').slice(0, 3))
    } finally {
      await other.purge()
      await other.close()
    }
  })

  it.each(['10.0.0.0/24', '127.0.0.0/8', '127.1.0.0/31', 'nonsense'])(
    'refuses the pod subnet %s',
    async subnet => {
      const opening = openProcessRuntime({
        ...{ stateDir: folder, clusterUid: 'c', nodeName: 'n', subnet },
        ...{ clock: systemClock, log: silentLogger },
      })
      await expect(opening).rejects.toThrow(subnet)
    },
  )

  it('the working folder is the pod’s where the host has it, else the root, and nothing is written to a mount path', async () => {
    const there = await started('pwd; exec sleep 1000', { workingDir: '/usr' })
    const absent = await started('pwd; exec sleep 1000', {
      workingDir: '/no/such/folder',
      mounts: [{ hostPath: folder, containerPath: join(folder, 'mount'), readOnly: false }],
    })
    expect([await firstLine(there), await firstLine(absent)]).toEqual(['/usr', '/'])
    await expect(readFile(join(folder, 'mount'))).rejects.toThrow('ENOENT')
  })

  it('much output is kept in order, up to its end', async () => {
    const id = await started('i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done')
    const lines = await collect(runtime.logs(id, { follow: true }, signal))
    expect(lines.map(line => line.text)).toEqual(
      Array.from({ length: 20_000 }, (_, index) => `line ${index}\n`),
    )
  })
})

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0)
    const state = execFileSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' })
    return !state.startsWith('Z')
  } catch {
    return false
  }
}

function stillRuns(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null
}
