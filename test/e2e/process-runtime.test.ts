import { readdir, readFile } from 'node:fs/promises'
import { platform } from 'node:os'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { scriptDeployment } from './support/manifests.ts'
import { Site } from './support/site.ts'

/** Where there is no engine: pods are processes, and everything above them is the same. */
describe.skipIf(platform() !== 'linux')('bowline up --runtime process', () => {
  let site: Site

  beforeAll(async () => {
    site = await Site.create({ main: inject('bowlineMain'), nodes: 2 })
    await site.repository.push('one', { 'app.yaml': app('one') })
    await site.start()
  })
  afterAll(async () => {
    if (site === undefined) return
    if (!site.server.hasEnded) await site.stop()
    await site.start(['--stop-containers'])
    await site.destroy()
    expect(await processes('two')).toEqual([])
  })

  function app(version: string): string {
    return scriptDeployment(
      'app',
      `echo running ${version} on $HOSTNAME; while sleep 1; do : bowline-e2e-${version}; done`,
      2,
    )
  }

  /** The process ids of shells that run the app's script. */
  async function processes(version: string): Promise<readonly number[]> {
    const found: number[] = []
    for (const pid of await readdir('/proc')) {
      if (!/^\d+$/.test(pid)) continue
      const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0')
      if (words[0] === 'sh' && words[2]?.includes(`bowline-e2e-${version};`)) found.push(Number(pid))
    }
    return found.sort()
  }

  it('a pushed commit runs, its logs can be read, and the next one replaces it', async () => {
    const [pod] = await site.readyPods('default', 2)
    expect(await site.kubectlOk(['logs', pod?.metadata.name ?? ''])).toMatch(/^running one on /)
    expect(pod?.status?.podIP).toMatch(/^127\./)
    expect((await site.deploy('two', { 'app.yaml': app('two') })).code).toBe(0)
    await site.readyPods('default', 2)
    expect(await processes('two')).toHaveLength(2)
    await site.until('the old ones to end', async () => (await processes('one')).length === 0)
  })

  it('a killed process is started again, and recorded as drift', async () => {
    const [pid] = await processes('two')
    if (pid === undefined) throw new Error('nothing runs')
    process.kill(pid, 'SIGKILL')
    await site.until('the record', async () =>
      (await site.records('origin')).some(
        ({ spec, status }) => spec.trigger === 'drift' && status?.state === 'Healthy',
      ),
    )
    await site.readyPods('default', 2)
  })

  it('processes outlive agents and servers, and are adopted', async () => {
    const before = await processes('two')
    expect(before).toHaveLength(2)
    for (const pid of (await site.agents()).values()) process.kill(pid, 'SIGKILL')
    await site.stop()
    expect(await processes('two')).toEqual(before)
    await site.start()
    const pods = await site.readyPods('default', 2)
    await site.until(
      'the tunnel',
      async () => (await site.kubectl(['logs', pods[0]?.metadata.name ?? ''])).code === 0,
    )
    expect(await processes('two')).toEqual(before)
  })
})
