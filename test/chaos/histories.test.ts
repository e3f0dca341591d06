import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { systemClock } from '../../src/base/index.ts'
import type { HttpsClient } from '../../src/client/index.ts'
import { type ConfigMap, Kinds } from '../../src/kube/index.ts'
import { eventually } from '../base/eventually.ts'
import { connect, PATIENCE_MS } from '../e2e/support/installation.ts'
import { Program } from '../e2e/support/program.ts'
import { freePort } from '../e2e/support/site.ts'
import { violationsOf } from '../support/histories/history.ts'
import { Recorder } from '../support/histories/recorder.ts'
import { fillDisk, mountSmallDisk, smallDiskProblem } from '../support/small-disk.ts'
import { SeededRandom } from './random.ts'

const ROUNDS = Number(process.env.BOWLINE_CHAOS_ROUNDS ?? 1)
const SEED = Number(process.env.BOWLINE_CHAOS_SEED ?? Math.floor(Math.random() * 2 ** 31))
const problem = smallDiskProblem()
const DISK_BYTES = 64 * 1024 * 1024
const WRITERS = 4
const WATCHERS = 3

type Blow = 'full disk' | 'kill' | 'pause'

describe.skipIf(problem !== undefined)(
  `histories of the API, BOWLINE_CHAOS_SEED=${SEED} (${problem})`,
  () => {
    let disk: ReturnType<typeof mountSmallDisk>
    let port: number
    let server: Program
    let admin: HttpsClient

    const kubeconfig = () => join(disk.path, 'data', 'kubeconfig')

    async function start(): Promise<void> {
      server = new Program(process.execPath, [
        inject('bowlineMain'),
        ...['server', '--data-dir', join(disk.path, 'data'), '--listen', `127.0.0.1:${port}`],
      ])
      await eventually('the server', () => server.stdout.includes('serving https://'), PATIENCE_MS)
    }

    beforeAll(async () => {
      disk = mountSmallDisk({ bytes: DISK_BYTES })
      port = await freePort()
      await start()
      admin = connect(kubeconfig())
    })
    afterAll(async () => {
      await admin?.close()
      await server?.stop('SIGKILL')
      disk?.remove()
    })

    /** Writes until there is no room any more. */
    async function untilRefused(): Promise<void> {
      await eventually(
        'a write to be refused',
        async () => {
          const body: ConfigMap = {
            apiVersion: 'v1',
            kind: 'ConfigMap',
            metadata: { name: 'note', namespace: 'default' },
            data: { text: `${systemClock.now()} ${'x'.repeat(10_000)}` },
          }
          try {
            await admin.patch(
              Kinds.ConfigMap,
              'note',
              { type: 'apply', body, force: true },
              { namespace: 'default' },
            )
            return false
          } catch (error) {
            expect(String(error)).toContain('Cannot write to the store: its disk')
            return true
          }
        },
        PATIENCE_MS,
      )
    }

    async function suffer(blow: Blow): Promise<void> {
      switch (blow) {
        case 'kill':
          await server.stop('SIGKILL')
          return start()
        case 'pause':
          server.child.kill('SIGSTOP')
          await systemClock.sleep(1_500)
          server.child.kill('SIGCONT')
          return
        case 'full disk': {
          const filler = join(disk.path, 'filler')
          fillDisk(filler)
          await untilRefused()
          // One that has to start there serves what there is.
          await server.stop('SIGKILL')
          await start()
          expect((await admin.list(Kinds.Namespace)).items.length).toBeGreaterThan(0)
          await untilRefused()
          rmSync(filler)
        }
      }
    }

    it.each(Array.from({ length: ROUNDS }, (_, index) => index + 1))(
      'round %i: watches miss, repeat and mix up nothing, and what was acknowledged stays, whatever the server suffers',
      async round => {
        const random = new SeededRandom(SEED + round * 7919)
        const namespace = `round-${round}`
        await admin.create(Kinds.Namespace, {
          apiVersion: 'v1',
          kind: 'Namespace',
          metadata: { name: namespace },
        })
        const recorder = new Recorder({ connect: () => connect(kubeconfig()), namespace, clock: systemClock })
        const [writing, watching] = [new AbortController(), new AbortController()]
        let end: number | undefined
        const watchers = Array.from({ length: WATCHERS }, () => recorder.watch(() => end, watching.signal))
        const writers = Array.from({ length: WRITERS }, (_, index) =>
          recorder.write(`w${index}`, new SeededRandom(SEED + round * 7919 + index), writing.signal),
        )
        const story: string[] = []
        try {
          for (const blow of shuffled<Blow>(['kill', 'pause', 'full disk', 'kill'], random)) {
            const wait = random.between(100, 1_500)
            await systemClock.sleep(wait)
            story.push(`${blow} after ${wait} ms`)
            await suffer(blow)
            const before = recorder.writes.length
            await eventually(
              'writes to be acknowledged again',
              () => recorder.writes.slice(before).some(({ outcome }) => outcome === 'acknowledged'),
              PATIENCE_MS,
            )
          }
          // Comes after what the others have seen, and begins in the midst of it.
          watchers.push(recorder.watch(() => end, watching.signal))
          await systemClock.sleep(200)
          writing.abort()
          await Promise.all(writers)
          end = await recorder.end()
          await Promise.all(watchers)
          const history = await recorder.history()
          const acknowledged = history.writes.filter(({ outcome }) => outcome === 'acknowledged').length
          expect(acknowledged).toBeGreaterThan(100)
          expect(violationsOf(history)).toEqual([])
        } catch (error) {
          const log = `${server.stdout}${server.stderr}`.slice(-4_000)
          throw new Error(
            `BOWLINE_CHAOS_SEED=${SEED} fails in round ${round}: ${story.join(', ')}\n${String(error)}\n${log}`,
            { cause: error },
          )
        } finally {
          writing.abort()
          watching.abort()
        }
      },
      180_000,
    )
  },
)

function shuffled<T>(items: readonly T[], random: SeededRandom): readonly T[] {
  return items
    .map(item => ({ item, at: random.next() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item)
}
