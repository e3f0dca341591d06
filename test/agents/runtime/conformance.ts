import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type {
  ContainerConfig,
  LogLine,
  OpenRuntime,
  PodIdentity,
  RuntimeEvent,
  SandboxStatus,
} from '../../../src/agents/runtime/index.ts'
import { hasCode, systemIds } from '../../../src/base/index.ts'
import { eventually } from '../../base/eventually.ts'

export interface ConformanceSubject {
  /** Called again for the same subject it gives what a restarted agent would open. */
  open(): Promise<OpenRuntime>
  /** An image that has busybox as `/bin/busybox` and a shell, if images matter. */
  readonly image: string
  /** False where nothing really runs; then only the life cycle is looked at. */
  readonly runsPrograms: boolean
  /** False where the states live in memory only. */
  readonly survivesRestart: boolean
  close?(): Promise<void>
}

/** What every runtime must do. `start` is called once, before the tests. */
export function describeRuntime(name: string, start: () => Promise<ConformanceSubject>): void {
  describe(name, () => {
    let subject: ConformanceSubject
    let runtime: OpenRuntime
    let end: AbortController

    beforeAll(async () => {
      subject = await start()
      runtime = await subject.open()
      end = new AbortController()
    })

    afterEach(async () => {
      end.abort()
      end = new AbortController()
      for (const { id } of await runtime.listSandboxes()) await runtime.removeSandbox(id)
    })

    afterAll(async () => {
      await runtime?.purge()
      await runtime?.close()
      await subject?.close?.()
    })

    function containerOf(
      pod: PodIdentity,
      script: string,
      changes: Partial<ContainerConfig> = {},
    ): ContainerConfig {
      return { ...baseConfig(pod, subject.image), command: ['/bin/sh', '-c', script], ...changes }
    }

    async function sandboxOf(pod: PodIdentity): Promise<SandboxStatus> {
      return await runtime.runSandbox({ pod, attempt: 0, hostname: pod.name, ports: [] })
    }

    async function started(
      pod: PodIdentity,
      script: string,
      changes: Partial<ContainerConfig> = {},
    ): Promise<{ sandbox: SandboxStatus; id: string }> {
      const sandbox = await sandboxOf(pod)
      const id = await runtime.createContainer(sandbox.id, containerOf(pod, script, changes))
      await runtime.startContainer(id)
      return { sandbox, id }
    }

    async function exited(id: string): Promise<void> {
      await eventually(
        `the exit of ${id}`,
        async () => (await runtime.containerStatus(id))?.state === 'exited',
      )
    }

    async function logOf(id: string, options: object = {}): Promise<readonly LogLine[]> {
      return await collect(runtime.logs(id, { follow: false, ...options }, end.signal))
    }

    describe('life cycle', () => {
      it('info() says what node.status needs', async () => {
        const info = await runtime.info()
        expect(info.version).toMatch(/^[a-z]+:\/\/\d/)
        expect(info.cpus).toBeGreaterThan(0)
        expect(info.memoryBytes).toBeGreaterThan(0)
        expect(info.architecture).toMatch(/^(amd64|arm64)$/)
      })

      it('runSandbox() gives a ready sandbox with an address of its own, and the same one when it is repeated', async () => {
        const [a, b] = [podNamed('a'), podNamed('b')]
        const first = await sandboxOf(a)
        expect(first).toMatchObject({ pod: a, attempt: 0, state: 'ready' })
        expect(first.ip).toMatch(/^\d+\.\d+\.\d+\.\d+$/)
        expect(await sandboxOf(a)).toEqual(first)
        const second = await sandboxOf(b)
        expect(second.ip).not.toBe(first.ip)
        const listed = await runtime.listSandboxes()
        expect(listed).toHaveLength(2)
        expect(listed).toContainEqual(first)
      })

      it('a container goes from created to running to exited, and says whose it is', async () => {
        const pod = podNamed('steps')
        const sandbox = await sandboxOf(pod)
        const config = containerOf(pod, 'exec sleep 1000', { specHash: 'abc', attempt: 3 })
        const id = await runtime.createContainer(sandbox.id, config)
        expect(await runtime.containerStatus(id)).toMatchObject({
          ...{ id, sandboxId: sandbox.id, pod, name: 'main', attempt: 3, specHash: 'abc', state: 'created' },
          image: subject.image,
        })
        await runtime.startContainer(id)
        const running = await runtime.containerStatus(id)
        expect(running?.state).toBe('running')
        expect(running?.startedAt).toBeGreaterThanOrEqual(running?.createdAt ?? Number.NaN)
        await runtime.stopContainer(id, 0)
        const after = await runtime.containerStatus(id)
        expect(after?.state).toBe('exited')
        expect(after?.exitCode).toBeTypeOf('number')
        expect(after?.finishedAt).toBeGreaterThanOrEqual(after?.startedAt ?? Number.NaN)
        expect(await runtime.listContainers()).toEqual([after])
      })

      it('createContainer() repeated for an attempt gives the same container; the next attempt is another', async () => {
        const pod = podNamed('again')
        const { sandbox, id } = await started(pod, 'exec sleep 1000')
        const config = containerOf(pod, 'exec sleep 1000')
        expect(await runtime.createContainer(sandbox.id, config)).toBe(id)
        await runtime.stopContainer(id, 0)
        const next = await runtime.createContainer(sandbox.id, { ...config, attempt: 1 })
        expect(next).not.toBe(id)
        await runtime.startContainer(next)
        const states = (await runtime.listContainers()).map(({ attempt, state }) => ({ attempt, state }))
        expect(states).toHaveLength(2)
        expect(states).toContainEqual({ attempt: 0, state: 'exited' })
        expect(states).toContainEqual({ attempt: 1, state: 'running' })
        expect((await runtime.listSandboxes())[0]?.ip).toBe(sandbox.ip)
      })

      it('createContainer() replaces a container of that attempt that never ran and has another spec', async () => {
        const pod = podNamed('respec')
        const sandbox = await sandboxOf(pod)
        await runtime.createContainer(sandbox.id, containerOf(pod, 'exit 1', { specHash: 'old' }))
        const id = await runtime.createContainer(
          sandbox.id,
          containerOf(pod, 'exec sleep 9', { specHash: 'new' }),
        )
        expect((await runtime.listContainers()).map(item => item.specHash)).toEqual(['new'])
        await runtime.startContainer(id)
        const again = runtime.createContainer(sandbox.id, containerOf(pod, 'exit 2', { specHash: 'newer' }))
        await expect(again).rejects.toSatisfy(error => hasCode(error, 'conflict'))
      })

      it('stop and remove calls can be repeated, also for what is gone', async () => {
        const { sandbox, id } = await started(podNamed('gone'), 'exec sleep 1000')
        await runtime.stopContainer(id, 0)
        await runtime.stopContainer(id, 0)
        await runtime.removeContainer(id)
        await runtime.removeContainer(id)
        expect(await runtime.containerStatus(id)).toBeUndefined()
        await runtime.stopContainer(id, 0)
        await runtime.stopSandbox(sandbox.id)
        await runtime.stopSandbox(sandbox.id)
        await runtime.removeSandbox(sandbox.id)
        await runtime.removeSandbox(sandbox.id)
        await runtime.stopSandbox(sandbox.id)
        expect(await runtime.listSandboxes()).toEqual([])
      })

      it('stopSandbox() ends its containers and leaves them to be read; removeSandbox() takes them along', async () => {
        const { sandbox, id } = await started(podNamed('whole'), 'exec sleep 1000')
        const other = await started(podNamed('other'), 'exec sleep 1000')
        await runtime.stopSandbox(sandbox.id)
        await exited(id)
        const [mine] = (await runtime.listSandboxes()).filter(item => item.id === sandbox.id)
        expect(mine?.state).toBe('not-ready')
        expect(mine?.ip).toBeUndefined()
        await runtime.removeSandbox(sandbox.id)
        expect((await runtime.listSandboxes()).map(item => item.id)).toEqual([other.sandbox.id])
        expect((await runtime.listContainers()).map(item => item.id)).toEqual([other.id])
        expect((await runtime.containerStatus(other.id))?.state).toBe('running')
      })

      it('runSandbox() makes a new sandbox for an attempt whose sandbox has stopped', async () => {
        const pod = podNamed('revived')
        const { id } = await sandboxOf(pod)
        await runtime.stopSandbox(id)
        expect((await sandboxOf(pod)).state).toBe('ready')
        const next = await runtime.runSandbox({ pod, attempt: 1, hostname: pod.name, ports: [] })
        expect(next).toMatchObject({ attempt: 1, state: 'ready' })
      })

      it('events() tells of starts, exits and removals from its call on, and ends with its signal', async () => {
        const seen: RuntimeEvent[] = []
        const events = runtime.events(end.signal)
        const pod = podNamed('told')
        const { sandbox, id } = await started(pod, 'exec sleep 1000')
        const reader = (async () => {
          for await (const event of events) if (event.podUid === pod.uid) seen.push(event)
        })()
        await runtime.stopContainer(id, 0)
        await runtime.removeContainer(id)
        await runtime.stopSandbox(sandbox.id)
        const sawAll = (): boolean => seen.length >= 4
        await eventually('four events', sawAll)
        const ofContainer = seen.filter(event => event.id === id).map(event => event.type)
        expect(ofContainer).toEqual(['container-started', 'container-exited', 'container-removed'])
        expect(seen).toContainEqual({ type: 'sandbox-stopped', id: sandbox.id, podUid: pod.uid })
        end.abort()
        await reader
      })

      it('calls about a container that does not exist fail with not-found', async () => {
        const id = 'f'.repeat(64)
        const calls = [
          () => runtime.startContainer(id),
          () => runtime.exec(id, ['true'], 1_000),
          async () => await collect(runtime.logs(id, { follow: false }, end.signal)),
          () => runtime.createContainer(id, containerOf(podNamed('nowhere'), 'true')),
        ]
        for (const call of calls) await expect(call()).rejects.toSatisfy(error => hasCode(error, 'not-found'))
        expect(await runtime.containerStatus(id)).toBeUndefined()
      })

      it('logs() with follow ends when the signal aborts', async () => {
        const { id } = await started(podNamed('silent'), 'exec sleep 1000')
        const reading = collect(runtime.logs(id, { follow: true }, end.signal))
        end.abort()
        expect(await reading).toEqual([])
      })

      it('imageStatus() knows an image that is there', async () => {
        expect((await runtime.imageStatus(subject.image))?.id).toBeTruthy()
      })

      it('a runtime opened anew finds sandboxes, containers and states as they are', async ({ skip }) => {
        if (!subject.survivesRestart) skip()
        const { id } = await started(podNamed('kept'), 'exec sleep 1000')
        const sandboxes = await runtime.listSandboxes()
        const containers = await runtime.listContainers()
        await runtime.close()
        runtime = await subject.open()
        expect(await runtime.listSandboxes()).toEqual(sandboxes)
        expect(await runtime.listContainers()).toEqual(containers)
        await runtime.stopContainer(id, 0)
        expect((await runtime.containerStatus(id))?.state).toBe('exited')
      })
    })

    describe('programs', () => {
      it('an exit code is kept, with Completed for 0 and Error for the rest', async ({ skip }) => {
        if (!subject.runsPrograms) skip()
        const good = await started(podNamed('good'), 'exit 0')
        const bad = await started(podNamed('bad'), 'exit 42')
        await exited(good.id)
        await exited(bad.id)
        expect(await runtime.containerStatus(good.id)).toMatchObject({ exitCode: 0, reason: 'Completed' })
        expect(await runtime.containerStatus(bad.id)).toMatchObject({ exitCode: 42, reason: 'Error' })
      })

      it('a program that does not exist is ContainerCannotRun, with the reason in words', async ({
        skip,
      }) => {
        if (!subject.runsPrograms) skip()
        const pod = podNamed('absent')
        const sandbox = await sandboxOf(pod)
        const id = await runtime.createContainer(
          sandbox.id,
          containerOf(pod, '', { command: ['/no/such/program'] }),
        )
        await expect(runtime.startContainer(id)).rejects.toThrow('/no/such/program')
        const status = await runtime.containerStatus(id)
        expect(status).toMatchObject({ state: 'exited', exitCode: 127, reason: 'ContainerCannotRun' })
        expect(status?.message).toContain('/no/such/program')
      })

      it('the environment is the one that was asked for, and nothing of the agent', async ({ skip }) => {
        if (!subject.runsPrograms) skip()
        const env = [
          { name: 'GREETING', value: `it's "quoted" $HOME \\ and long` },
          { name: 'EMPTY', value: '' },
        ]
        const { id } = await started(podNamed('env'), 'env; exec sleep 1000', { env })
        const text = await eventually('the environment', async () => {
          const lines = (await logOf(id)).map(line => line.text)
          return (
            lines.some(line => line.startsWith('GREETING=')) &&
            lines.some(line => line.startsWith('EMPTY=')) &&
            lines
          )
        })
        expect(text).toContain(`GREETING=it's "quoted" $HOME \\ and long\n`)
        expect(text).toContain('EMPTY=\n')
        expect(text.join('')).not.toMatch(/VITEST|NODE_ENV|npm_/)
        const inside = await runtime.exec(id, ['/bin/sh', '-c', 'echo "$GREETING"'], 5_000)
        expect(inside.stdout).toBe(`it's "quoted" $HOME \\ and long\n`)
      })

      it('command and args make one command line', async ({ skip }) => {
        if (!subject.runsPrograms) skip()
        const { id } = await started(podNamed('args'), '', {
          command: ['/bin/sh', '-c', 'echo "$0-$1"'],
          args: ['one', 'two words'],
        })
        await exited(id)
        expect((await logOf(id)).map(line => line.text)).toEqual(['one-two words\n'])
      })

      it('logs() gives lines with their stream and a time in nanoseconds, also after the exit', async ({
        skip,
      }) => {
        if (!subject.runsPrograms) skip()
        const { id } = await started(podNamed('says'), 'echo out; echo err >&2; printf "no end"')
        await exited(id)
        const lines = await logOf(id)
        expect(lines.filter(line => line.stream === 'stdout').map(line => line.text)).toEqual([
          'out\n',
          'no end',
        ])
        expect(lines.filter(line => line.stream === 'stderr').map(line => line.text)).toEqual(['err\n'])
        for (const line of lines) expect(line.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/)
      })

      it('logs() follows until the container exits, and takes tail and since into account', async ({
        skip,
      }) => {
        if (!subject.runsPrograms) skip()
        const { id } = await started(
          podNamed('counts'),
          'for i in 1 2 3; do echo $i; sleep 0.2; done; echo end',
        )
        const followed = await collect(runtime.logs(id, { follow: true }, end.signal))
        expect(followed.map(line => line.text)).toEqual(['1\n', '2\n', '3\n', 'end\n'])
        await exited(id)
        expect((await logOf(id, { tailLines: 2 })).map(line => line.text)).toEqual(['3\n', 'end\n'])
        expect(await logOf(id, { tailLines: 0 })).toEqual([])
        const third = Date.parse(followed[2]?.time ?? '')
        expect((await logOf(id, { sinceMs: third })).map(line => line.text)).toEqual(['3\n', 'end\n'])
        const late = await collect(runtime.logs(id, { follow: true, tailLines: 1 }, end.signal))
        expect(late.map(line => line.text)).toEqual(['end\n'])
      })

      it('exec() gives exit code and both streams, and drops output beyond 16 KiB', async ({ skip }) => {
        if (!subject.runsPrograms) skip()
        const { id } = await started(podNamed('exec'), 'exec sleep 1000')
        expect(await runtime.exec(id, ['/bin/sh', '-c', 'echo a; echo b >&2; exit 7'], 5_000)).toEqual({
          exitCode: 7,
          stdout: 'a\n',
          stderr: 'b\n',
        })
        const { stdout } = await runtime.exec(
          id,
          ['/bin/sh', '-c', 'head -c 100000 /dev/zero | tr "\\0" x'],
          5_000,
        )
        expect(stdout).toBe('x'.repeat(16 * 1024))
      })

      it('exec() throws timeout for a command that takes too long, and ends it', async ({ skip }) => {
        if (!subject.runsPrograms) skip()
        const { id } = await started(podNamed('hangs'), 'exec sleep 1000')
        const marker = `${100_000 + Math.floor(Math.random() * 100_000)}`
        const call = runtime.exec(id, ['/bin/sh', '-c', `exec sleep ${marker}`], 300)
        await expect(call).rejects.toSatisfy(error => hasCode(error, 'timeout'))
        await eventually('the end of the command', async () => {
          const { stdout } = await runtime.exec(id, ['/bin/sh', '-c', 'ps -o args 2>/dev/null || ps'], 5_000)
          return !stdout.includes(`sleep ${marker}`)
        })
      })

      it('exec() ends a command also when its time is over before it has started', async ({ skip }) => {
        if (!subject.runsPrograms) skip()
        const { id } = await started(podNamed('late'), 'exec sleep 1000')
        const marker = `${200_000 + Math.floor(Math.random() * 100_000)}`
        const calls = Array.from({ length: 8 }, () =>
          runtime.exec(id, ['/bin/sh', '-c', `exec sleep ${marker}`], 0),
        )
        const ends = await Promise.allSettled(calls)
        expect(ends.map(end => end.status === 'rejected' && hasCode(end.reason, 'timeout'))).not.toContain(
          false,
        )
        // One that is still to start is not seen at once.
        let looks = 0
        await eventually('the end of every command, for good', async () => {
          const { stdout } = await runtime.exec(id, ['/bin/sh', '-c', 'ps -o args 2>/dev/null || ps'], 5_000)
          looks = stdout.includes(`sleep ${marker}`) ? 0 : looks + 1
          return looks >= 8
        })
      })

      it('exec() in a container that has exited fails', async ({ skip }) => {
        if (!subject.runsPrograms) skip()
        const { id } = await started(podNamed('over'), 'exit 0')
        await exited(id)
        await expect(runtime.exec(id, ['true'], 1_000)).rejects.toSatisfy(error => hasCode(error, 'conflict'))
      })

      it('stopContainer() lets the program end by itself within the grace', async ({ skip }) => {
        if (!subject.runsPrograms) skip()
        const script = 'trap "echo bye; exit 5" TERM; echo ready; while :; do sleep 0.05; done'
        const { id } = await started(podNamed('polite'), script)
        await eventually('the trap', async () => (await logOf(id)).length > 0)
        await runtime.stopContainer(id, 10_000)
        expect(await runtime.containerStatus(id)).toMatchObject({ state: 'exited', exitCode: 5 })
        expect((await logOf(id)).map(line => line.text)).toContain('bye\n')
      })

      it('stopContainer() kills what ignores the signal, after the grace', async ({ skip }) => {
        if (!subject.runsPrograms) skip()
        const { id } = await started(
          podNamed('stubborn'),
          'trap "" TERM; echo ready; while :; do sleep 0.05; done',
        )
        await eventually('the trap', async () => (await logOf(id)).length > 0)
        await runtime.stopContainer(id, 500)
        expect(await runtime.containerStatus(id)).toMatchObject({
          state: 'exited',
          exitCode: 137,
          reason: 'Error',
        })
      })

      it("the host and other pods reach a pod at its address, and it stays the pod's when its container restarts", async ({
        skip,
      }) => {
        if (!subject.runsPrograms) skip()
        const pod = podNamed('serves')
        const serve = (ip: string | undefined): string[] => [
          'busybox',
          'httpd',
          '-f',
          '-p',
          `${ip}:8080`,
          '-h',
          '/etc',
        ]
        const sandbox = await sandboxOf(pod)
        const url = `http://${sandbox.ip}:8080/passwd`
        const answers = (): Promise<boolean> =>
          fetch(url).then(
            ({ ok }) => ok,
            () => false,
          )
        let last = ''
        for (const attempt of [0, 1]) {
          const config = containerOf(pod, '', { attempt, command: serve(sandbox.ip) })
          last = await runtime.createContainer(sandbox.id, config)
          await runtime.startContainer(last)
          await eventually(`an answer to attempt ${attempt}`, answers)
          if (attempt === 0) await runtime.stopContainer(last, 0)
        }
        expect((await runtime.listSandboxes())[0]?.ip).toBe(sandbox.ip)
        const other = await started(podNamed('asks'), 'exec sleep 1000')
        const asked = await runtime.exec(other.id, ['busybox', 'wget', '-qO-', url], 5_000)
        expect(asked.stdout).toContain('root:')
      })

      it('a container that exits is told of at once, and its restart runs in the same sandbox', async ({
        skip,
      }) => {
        if (!subject.runsPrograms) skip()
        const pod = podNamed('crashes')
        const events = runtime.events(end.signal)[Symbol.asyncIterator]()
        const { sandbox, id } = await started(pod, 'sleep 0.3; exit 9')
        for (let event = await events.next(); ; event = await events.next()) {
          if (event.done) throw new Error('the events ended')
          if (event.value.id === id && event.value.type === 'container-exited') break
        }
        expect(await runtime.containerStatus(id)).toMatchObject({ state: 'exited', exitCode: 9 })
        const next = await runtime.createContainer(
          sandbox.id,
          containerOf(pod, 'exec sleep 1000', { attempt: 1 }),
        )
        await runtime.startContainer(next)
        expect(await runtime.containerStatus(next)).toMatchObject({ state: 'running', sandboxId: sandbox.id })
      })
    })
  })
}

export function podNamed(name: string): PodIdentity {
  return { uid: systemIds.uid(), namespace: 'default', name }
}

export function baseConfig(pod: PodIdentity, image: string): ContainerConfig {
  return {
    pod,
    name: 'main',
    attempt: 0,
    image,
    env: [],
    mounts: [],
    oomScoreAdj: 1000,
    readOnlyRootFilesystem: false,
    capabilities: { add: [], drop: [] },
    privileged: false,
    tty: false,
    stdin: false,
    specHash: 'spec',
  }
}

export async function collect<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}
