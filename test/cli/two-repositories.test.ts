import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Kinds } from '../../src/kube/index.ts'
import { configMap } from '../pipeline/manifests.ts'
import { TestRepository } from '../sync/repository-builder.ts'
import { CliWorld } from './cli-world.ts'

describe('bowline with a server that follows two repositories', () => {
  let world: CliWorld
  let office: TestRepository

  beforeEach(async () => {
    world = await CliWorld.create({ nodes: [] })
    office = new TestRepository(join(world.folder, 'office'))
    const source = { repository: office.path, branch: 'main', path: '' }
    const metadata = { name: 'office' }
    await world.client.create(Kinds.App, {
      apiVersion: 'bowline.dev/v1alpha1',
      kind: 'App',
      metadata,
      spec: { source },
    })
  })

  afterEach(() => world.close())

  it('plans a commit of either, of the one that has it', async () => {
    await world.reaches('Healthy', world.push('shop one', { 'a.yaml': configMap('a') }))
    await world.reaches('Healthy', office.commit('office one', { 'b.yaml': configMap('b') }), 'office')
    world.repository.git('checkout', '-q', '-b', 'next')
    world.push('shop two', { 'a.yaml': configMap('a', 'two') })
    office.git('checkout', '-q', '-b', 'next')
    office.commit('office two', { 'b.yaml': configMap('b', 'two') })
    const ofShop = await world.bowline(['plan', 'next'])
    expect([ofShop.code, ofShop.err]).toEqual([2, ''])
    expect(ofShop.out).toContain('~ shop/ConfigMap default/a')
    expect(ofShop.out).not.toContain('office')
    const ofOffice = await world.bowline(['plan', 'next', '-o', 'json'], { cwd: office.path })
    expect(ofOffice.code).toBe(2)
    expect(JSON.parse(ofOffice.out)).toMatchObject({
      commit: { subject: 'office two' },
      apps: [{ app: 'office' }],
    })
    const { code, err } = await world.bowline(['plan', 'a'.repeat(40)])
    expect([code, err]).toEqual([
      1,
      expect.stringContaining("none of the server's repositories has such a commit"),
    ])
  })

  it('says of an object that the other has whose it is and what to do, in a plan, in a follow and in the status', async () => {
    await world.reaches('Healthy', world.push('shop', { 'a.yaml': configMap('a') }))
    office.git('commit', '-q', '--allow-empty', '-m', 'empty')
    office.git('checkout', '-q', '-b', 'next')
    const commit = office.commit('office', { 'deep/a.yaml': configMap('a', 'two') })
    const owner = `ConfigMap default/a belongs to app shop \\(${world.repository.path}, branch main\\) by a.yaml:1:1`
    const place = `deep/a.yaml:1:1@${commit.slice(0, 7)}: ${owner}`
    const hint = /→ remove it from one of the two repositories: .*kubectl delete app shop/
    const plan = await world.bowline(['plan', 'next'], { cwd: office.path })
    expect(plan.code).toBe(1)
    expect(plan.out.replace(/\n +/g, ' ')).toMatch(new RegExp(place))
    expect(plan.out).toContain('office would be held: nothing of it changes until the other app lets go')
    expect(plan.out).toMatch(hint)
    office.git('checkout', '-q', 'main')
    office.git('merge', '-q', 'next')
    const follow = await world.bowline(['follow'], { cwd: office.path })
    expect(follow.code).toBe(3)
    expect(follow.out.replace(/\n +/g, ' ')).toMatch(new RegExp(place))
    expect(follow.out).toMatch(hint)
    expect(follow.out).toContain('RESULT  ‖ office held')
    expect(follow.out).toContain('NEXT    remove it from one of the two repositories and push')
    const status = await world.bowline(['status'])
    expect(status.code).toBe(3)
    expect(status.out.replace(/\n +/g, ' ')).toMatch(new RegExp(owner))
  })
})
