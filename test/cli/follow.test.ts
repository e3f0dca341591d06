import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Kinds } from '../../src/kube/index.ts'
import { eventually } from '../base/eventually.ts'
import { addNode, scheduledPod, setContainer } from '../pipeline/by-hand.ts'
import { configMap, configMaps, deployment } from '../pipeline/manifests.ts'
import { CliWorld } from './cli-world.ts'

describe('bowline follow', () => {
  let world: CliWorld

  beforeEach(async () => {
    world = await CliWorld.create()
  })

  afterEach(() => world.close())

  it('tells plan, deploy, result and record, and ends with 0 when everything is healthy', async () => {
    const commit = world.push('shop 1.4.3', {
      'bowline.yaml': 'apps: apps/*\n',
      'apps/shop-web/web.yaml': deployment('web', { image: 'shop:1.4.2', replicas: 3 }),
      'apps/blog/config.yaml': configMap('config'),
    })
    const { code, out, err } = await world.bowline(['follow'])
    expect(err).toBe('')
    expect(lines(out)).toEqual([
      `${commit.slice(0, 7)} "shop 1.4.3"  <Ada>`,
      'PLAN    2 of 2 apps change: 4 create, 0 delete',
      expect.stringMatching(/^ {2}\+ blog\/Namespace blog +apps\/blog:1$/),
      expect.stringMatching(/^ {2}\+ blog\/ConfigMap config +apps\/blog\/config\.yaml:1$/),
      expect.stringMatching(/^ {2}\+ shop-web\/Namespace shop-web +apps\/shop-web:1$/),
      expect.stringMatching(/^ {2}\+ shop-web\/Deployment web +apps\/shop-web\/web\.yaml:1$/),
      'DEPLOY',
      expect.stringMatching(/^ {2}(blog|shop-web) /),
      expect.stringMatching(/^ {2}(blog|shop-web) /),
      'RESULT  ✓ blog healthy    ✓ shop-web healthy',
      `RECORD  blog-000001, shop-web-000001   bowline show ${commit.slice(0, 7)}`,
    ])
    expect(out).toMatch(/ {2}shop-web ✓ 1\/3 host-\d {2}✓ 2\/3 host-\d {2}✓ 3\/3 host-\d +\d+\.\ds/)
    expect(out).toMatch(/ {2}blog {5}✓ 2 objects are healthy +\d+\.\ds/)
    expect(code).toBe(0)
    const second = world.push('shop 1.4.3', {
      'apps/shop-web/web.yaml': deployment('web', { image: 'shop:1.4.3', replicas: 3 }),
    })
    const later = await world.bowline(['follow', 'main'], { isTerminal: true })
    expect(later.out).toContain('PLAN    1 of 2 apps change: 1 configure, 0 delete')
    expect(later.out).toMatch(
      /~ shop-web\/Deployment web +image 1\.4\.2 → 1\.4\.3 +apps\/shop-web\/web\.yaml:1/,
    )
    expect(later.out).toContain('RESULT  ✓ shop-web healthy    1 app untouched')
    expect(later.progress.some(text => /^ {2}shop-web .*…/.test(text))).toBe(true)
    expect(later.progress.at(-1)).toBe('')
    // What is over is told again from its records.
    expect((await world.bowline(['follow', commit])).out).toContain(
      'RESULT  ✓ blog healthy    ✓ shop-web healthy',
    )
    expect(second).not.toBe(commit)
  })

  it('ends with 3 for a mistake, showing it, and for a plan that waits, naming the trailer', async () => {
    world.push('one', {
      'web.yaml': deployment('web', { image: 'shop:1.4' }),
      'config.yaml': configMap('config'),
    })
    expect((await world.bowline(['follow'])).code).toBe(0)
    world.push('typo', { 'web.yaml': deployment('web').replace('replicas:', 'replicsa:') })
    const typo = await world.bowline(['follow'])
    expect(typo.code).toBe(3)
    expect(typo.out).toMatch(/web\.yaml:6:3@[0-9a-f]{7}: .*replicsa/)
    expect(typo.out).toContain('replicsa: 1')
    expect(typo.out).toContain('RESULT  ‖ shop held, 1.4 still serves 1/1')
    expect(typo.out).toContain('NEXT    correct the file and push again')
    world.repository.git('rm', '-q', 'web.yaml', 'config.yaml')
    world.push('drop all', { 'README.md': '' })
    const removal = await world.bowline(['follow'])
    expect(removal.code).toBe(3)
    expect(removal.out).toContain('This plan deletes all 2 objects of app shop')
    expect(removal.out).toContain('Bowline-Allow-Delete: 2')
  })

  it('ends with 3 for a broken bowline.yaml and shows what is wrong', async () => {
    world.push('one', { 'bowline.yaml': 'app: apps/*\n', 'apps/blog/config.yaml': configMap('config') })
    const { code, out } = await world.bowline(['follow'])
    expect(code).toBe(3)
    expect(out).toMatch(/bowline\.yaml:1:1@[0-9a-f]{7}: /)
    expect(out).toContain('RESULT  ‖ held by 2 mistakes')
  })

  it('ends with 124 at the deadline, for what is not settled and for what was never seen', async () => {
    world.push('stuck', { 'web.yaml': deployment('web', { more: NEVER_READY }) })
    const stuck = await world.bowline(['follow', '--deadline', '1'])
    expect(stuck.code).toBe(124)
    expect(stuck.out).toContain('DEADLINE  shop not settled')
    expect(stuck.out).toMatch(/ {2}shop {5}Deployment default\/web: ./)
    world.repository.git('checkout', '-q', '-b', 'other')
    const elsewhere = world.push('elsewhere', { 'config.yaml': configMap('config') })
    const unseen = await world.bowline(['follow', '--deadline', '1'])
    expect(unseen.code).toBe(124)
    expect(unseen.out).toContain(`DEADLINE  the server has not seen ${elsewhere.slice(0, 7)}`)
    expect(unseen.out).toContain('is it pushed to the branch that the server follows?')
  })

  it('goes on with the newer commit that took over, and with the one that passed over this', async () => {
    const first = world.push('stuck', { 'web.yaml': deployment('web', { more: NEVER_READY }) })
    const following = world.bowline(['follow', first])
    await eventually('the record', async () => {
      const { items } = await world.client.list(Kinds.Record, {
        labelSelector: `bowline.dev/commit=${first}`,
      })
      return items.length === 1
    })
    const second = world.push('mended', { 'web.yaml': deployment('web') })
    const { code, out } = await following
    expect(code).toBe(0)
    expect(out).toContain(`shop     – a newer commit took over`)
    expect(out).toContain(
      `${first.slice(0, 7)} is part of ${second.slice(0, 7)}, which the server follows now`,
    )
    expect(out).toContain('RESULT  ✓ shop healthy')
    world.repository.git('commit', '-q', '--allow-empty', '-m', 'passed over')
    const passed = world.repository.head()
    world.repository.git('reset', '-q', '--hard', 'HEAD~1')
    world.repository.git('merge', '-q', '--no-ff', '-m', 'merge', passed)
    const merge = world.repository.head()
    await eventually(
      'the merge to be seen',
      async () => (await world.client.get(Kinds.App, 'shop')).status?.observedRevision === merge,
    )
    const merged = await world.bowline(['follow', passed])
    expect(merged.out).toContain(`${passed.slice(0, 7)} is part of ${merge.slice(0, 7)}`)
    expect(merged.code).toBe(0)
  })

  it('says that a commit touches no app, and ends with 0', async () => {
    world.push('one', { 'bowline.yaml': 'apps: apps/*\n', 'apps/blog/config.yaml': configMap('config') })
    expect((await world.bowline(['follow'])).code).toBe(0)
    world.push('readme', { 'README.md': 'hello' })
    const { code, out } = await world.bowline(['follow'])
    expect(code).toBe(0)
    expect(out).toContain('PLAN    0 of 1 apps change: 0 delete')
    expect(out).toContain('RESULT  1 app untouched')
  })

  it('shows at most forty changes and counts the rest', async () => {
    world.push('many', { 'all.yaml': configMaps(60) })
    const { code, out } = await world.bowline(['follow'])
    expect(code).toBe(0)
    expect(out).toContain('  … and 20 more')
    expect(lines(out).filter(line => line.startsWith('  + '))).toHaveLength(40)
  })

  it('ends with 130 when it is interrupted, and says at once when there is no server', async () => {
    world.push('stuck', { 'web.yaml': deployment('web', { more: NEVER_READY }) })
    const stop = new AbortController()
    const following = world.bowline(['follow'], { signal: stop.signal })
    setTimeout(() => stop.abort(), 300)
    expect((await following).code).toBe(130)
    const nowhere = await world.bowline(['follow', '--data-dir', `${world.folder}/nowhere`])
    expect(nowhere).toMatchObject({ code: 1, out: '' })
    expect(nowhere.err).toContain('error: Cannot read the kubeconfig')
    expect(nowhere.err).toContain('next: start a server with `bowline up`')
  })
})

describe('bowline follow of what fails', () => {
  let world: CliWorld

  beforeEach(async () => {
    world = await CliWorld.create({ nodes: [] })
    await addNode(world.client, 'host-1')
  })

  afterEach(() => world.close())

  it('ends with 1 for a failure, saying what failed, what still serves, and how to look at it', async () => {
    world.push('blog 1.9', { 'web.yaml': deployment('web', { image: 'blog:1.9' }) })
    const old = await scheduledPod(world.client, 'blog:1.9')
    await setContainer(world.client, old, { ready: true, restartCount: 0, state: { running: {} } })
    expect((await world.bowline(['follow'])).code).toBe(0)
    const commit = world.push('blog 2.0', { 'web.yaml': deployment('web', { image: 'blog:2.0' }) })
    const following = world.bowline(['follow'])
    const pod = await scheduledPod(world.client, 'blog:2.0')
    await setContainer(world.client, pod, {
      ready: false,
      restartCount: 3,
      state: { waiting: { reason: 'CrashLoopBackOff' } },
      lastState: {
        terminated: { exitCode: 1, reason: 'Error', message: 'Error: DATABASE_URL is not set\n' },
      },
    })
    const { code, out } = await following
    expect(code).toBe(1)
    expect(out).toMatch(/ {2}shop {5}✗ failed +\d+\.\ds/)
    expect(out).toMatch(/web on host-1: exit 1, restarted 3 times: Error: DATABASE_URL is not set/)
    expect(out).toContain('RESULT  ✗ shop failed, 1.9 still serves 1/1')
    expect(out).toContain(
      `NEXT    kubectl -n default logs ${pod.metadata.name} -c web --previous   ·   bowline rollback ${commit.slice(0, 7)}`,
    )
  })

  it('names for each write that was refused the place of what it would have written', async () => {
    const quota =
      'apiVersion: v1\nkind: ResourceQuota\nmetadata: { name: few }\nspec: { hard: { configmaps: "1" } }\n'
    world.push('two', { 'maps.yaml': `${quota}---\n${configMap('a')}---\n${configMap('b')}` })
    const { code, out } = await world.bowline(['follow'])
    expect(code).toBe(1)
    expect(out).toMatch(
      /^ +maps\.yaml:(6|13): ConfigMap default\/[ab]: configmaps "[ab]" is forbidden: exceeded quota: few/m,
    )
  })
})

const NEVER_READY = '          readinessProbe: { exec: { command: ["true"] }, initialDelaySeconds: 600 }\n'

function lines(text: string): readonly string[] {
  return text.split('\n')
}
