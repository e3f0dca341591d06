import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { Kinds, type Pod } from '../../src/kube/index.ts'
import { startTestEngine, TEST_IMAGE, type TestEngine, testEngineAvailability } from '../support/dockerd.ts'
import { WAIT } from './support/manifests.ts'
import { isReady, Site } from './support/site.ts'

const { available, reason } = testEngineAvailability()
const NAMESPACE = 'database'

/** The example with a program in PostgreSQL's place that keeps a file as that keeps a database, and is as ready. */
async function manifest(): Promise<string> {
  const text = await readFile(resolve('examples/database/database.yaml'), 'utf8')
  const script = [
    'mkdir -p "$PGDATA"',
    'echo "start of $(hostname) with $(echo -n "$POSTGRES_PASSWORD" | wc -c) letters" >> "$PGDATA/log"',
    'touch /tmp/ready',
    `cat "$PGDATA/log"; ${WAIT}`,
  ].join('; ')
  const replaced = text
    .replace(
      'image: postgres:17',
      `image: ${TEST_IMAGE}\n          command: [sh, -c, ${JSON.stringify(script)}]`,
    )
    .replace('command: [pg_isready, --username, postgres]', 'command: [cat, /tmp/ready]')
    .replace('periodSeconds: 5', 'periodSeconds: 1')
  expect(replaced).not.toMatch(/postgres:17|pg_isready/)
  return replaced
}

describe.skipIf(!available)(`examples/database (${reason})`, { timeout: 600_000 }, () => {
  let engine: TestEngine
  let site: Site

  beforeAll(async () => {
    engine = await startTestEngine()
    site = await Site.create({ main: inject('bowlineMain'), engine, nodes: 2 })
    await site.repository.push('nothing yet', { 'README.md': 'empty' })
    await site.start()
  }, 120_000)
  afterAll(async () => {
    await site?.destroy()
    await engine?.destroy()
  })

  function ready(before?: Pod): Promise<Pod> {
    return site.until('the pod db-0', async () => {
      const pod = await site.client.get(Kinds.Pod, 'db-0', { namespace: NAMESPACE })
      return isReady(pod) && pod.metadata.uid !== before?.metadata.uid ? pod : undefined
    })
  }

  const log = () => site.kubectlOk(['logs', '--namespace', NAMESPACE, 'db-0'])

  it('plans what it is, runs, and keeps its data when its pod is replaced and when it leaves Git', async () => {
    const yaml = await manifest()
    const commit = await site.repository.push('a database', { 'database/database.yaml': yaml })
    const followed = await site.bowline('follow', commit)
    expect(followed).toMatchObject({ code: 0 })
    const first = await ready()
    expect(await log()).toBe('start of db-0 with 9 letters\n')
    const { code, stdout } = await site.bowline('plan', commit)
    expect({ code, stdout }).toMatchObject({ code: 0 })

    await site.kubectlOk(['delete', 'pod', '--namespace', NAMESPACE, 'db-0'])
    const second = await ready(first)
    expect(second.spec?.nodeName).toBe(first.spec?.nodeName)
    expect(await log()).toBe('start of db-0 with 9 letters\n'.repeat(2))

    const without = yaml.replace(/---\napiVersion: apps\/v1[\s\S]*$/, '')
    await site.bowline(
      'follow',
      await site.repository.push('no database', { 'database/database.yaml': without }),
    )
    await site.until('the pod to be gone', async () => {
      const { items } = await site.client.list(Kinds.Pod, { namespace: NAMESPACE })
      return items.length === 0
    })
    const claim = await site.client.get(Kinds.PersistentVolumeClaim, 'data-db-0', { namespace: NAMESPACE })
    expect(claim.status?.phase).toBe('Bound')
    await site.repository.push('the database again', { 'database/database.yaml': yaml })
    await ready(second)
    expect(await log()).toBe('start of db-0 with 9 letters\n'.repeat(3))
  })
})
