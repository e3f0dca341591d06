import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Kinds, registryPrefix } from '../../src/kube/index.ts'
import { deployment, secret } from './manifests.ts'
import { ROOT, TestPipeline } from './test-pipeline.ts'

const FIRST = 'canary-4711'
const SECOND = 'canary-0815'
const BROKEN = 'canary-2342'
const TYPED = 'canary-9999'

describe('Pipeline: Secrets', () => {
  let world: TestPipeline

  beforeEach(async () => {
    world = await TestPipeline.create()
  })

  afterEach(() => world.close())

  it('shows no value of a Secret in any record, plan, status, log or warning, whatever happens to it', async () => {
    const warnings: string[] = []
    world.push('one', { 'secret.yaml': secret('keys', FIRST), 'web.yaml': deployment('web') })
    await world.start()
    const eve = world.as('eve', warnings)
    await world.reaches('Healthy', world.repository.head())
    const changed = world.push('two', { 'secret.yaml': secret('keys', SECOND) })
    await world.reaches('Healthy', changed)
    const stringData = { password: 'canary-by-eve' }
    await eve.patch(Kinds.Secret, 'keys', { type: 'merge', body: { stringData } }, { namespace: 'default' })
    await world.recorded(
      'of a drift',
      ({ spec, status }) => spec.trigger === 'drift' && status?.state === 'Healthy',
    )
    await eve.delete(Kinds.Secret, 'keys', { namespace: 'default' })
    await world.recorded(
      'of another drift',
      ({ spec }) => spec.trigger === 'drift' && spec.plan.counts.create === 1,
    )
    const mistakes = [
      `apiVersion: v1\nkind: Secret\nmetadata: { name: keys }\ndata: { password: "${BROKEN}!" }\n`,
      `apiVersion: v1\nkind: Secret\nmetadata: { name: keys }\nstringData:\n  password: [${TYPED}]\n`,
      `apiVersion: v1\nkind: Secret\nmetadata: { name: keys }\nstringData:\n  password: ${BROKEN}\n  password: ${TYPED}\n`,
      `apiVersion: v1\nkind: Secret\nmetadata: { name: keys }\nstringData:\n  password: "${BROKEN}\n`,
    ]
    for (const [index, text] of mistakes.entries()) {
      const commit = world.push(`mistake ${index}`, { 'secret.yaml': text })
      await world.reaches('Held', commit)
    }
    const signal = new AbortController().signal
    const previews = await Promise.all(
      [changed, 'HEAD', 'HEAD~1', 'HEAD~2'].map(revision => world.pipeline.preview(ROOT, revision, signal)),
    )
    const told = [
      JSON.stringify(previews),
      warnings.join('\n'),
      world.log.join('\n'),
      await storeText(world),
    ].join('\n')
    for (const value of [FIRST, SECOND, BROKEN, TYPED, 'canary-by-eve'])
      for (const form of [value, Buffer.from(value).toString('base64').slice(0, 12)])
        expect(told).not.toContain(form)
    expect(told).toContain('*** (before)')
    expect(told).toContain('*** (after)')
  })
})

/** Everything in the store but the Secrets themselves. */
async function storeText(world: TestPipeline): Promise<string> {
  const { items } = await world.store.range('/')
  const prefix = registryPrefix(Kinds.Secret)
  const told = items.filter(({ key }) => !key.startsWith(prefix))
  expect(told.length).toBeGreaterThan(10)
  return told.map(({ key, value }) => `${key} ${Buffer.from(value).toString()}`).join('\n')
}
