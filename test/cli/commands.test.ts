import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type App, Kinds, type RecordObject, registryKey } from '../../src/kube/index.ts'
import type { PlanPreview } from '../../src/pipeline/index.ts'
import { selfSigned, tlsSecret } from '../agents/network/ingress/cluster-view.ts'
import { eventually } from '../base/eventually.ts'
import { backend, ingress } from '../kube/ingress/objects.ts'
import { configMap, deployment } from '../pipeline/manifests.ts'
import { TestRepository } from '../sync/repository-builder.ts'
import { CliWorld } from './cli-world.ts'

describe('commands that read', () => {
  let world: CliWorld
  let first: string
  let second: string

  beforeAll(async () => {
    world = await CliWorld.create()
    first = world.push('shop 1', {
      'web.yaml': deployment('web', { image: 'shop:1' }),
      'config.yaml': configMap('config'),
    })
    expect((await world.bowline(['follow'])).code).toBe(0)
    second = world.push('shop 2', { 'web.yaml': deployment('web', { image: 'shop:2' }) })
    expect((await world.bowline(['follow'])).code).toBe(0)
    const body = { data: { key: 'mine' } }
    await world.client.patch(Kinds.ConfigMap, 'config', { type: 'merge', body }, { namespace: 'default' })
    await eventually('the drift to be repaired', async () => {
      const { items } = await world.client.list(Kinds.Record)
      return items.some(({ spec, status }) => spec.trigger === 'drift' && status?.state === 'Healthy')
    })
  })

  afterAll(() => world.close())

  it('plan ends with 0 when there is nothing to do', async () => {
    const { code, out } = await world.bowline(['plan'])
    expect(code).toBe(0)
    expect(out).toBe(`${second.slice(0, 7)} "shop 2"  <Ada>\nPLAN    0 of 1 apps change: 0 delete`)
  })

  it('plan ends with 2 when something would change, and says what, field by field', async () => {
    const { code, out } = await world.bowline(['plan', 'HEAD~1'])
    expect(code).toBe(2)
    expect(out).toContain('PLAN    1 of 1 apps change: 1 configure, 0 delete')
    expect(out).toMatch(/~ shop\/Deployment default\/web +image 2 → 1 +web\.yaml:1/)
    expect(out).toContain('spec.template.spec.containers[name="web"].image: shop:2 → shop:1')
    const json = await world.bowline(['plan', first.slice(0, 8), '-o', 'json'])
    expect(json.code).toBe(2)
    const preview = JSON.parse(json.out) as PlanPreview
    expect(preview.commit).toEqual({ id: first, subject: 'shop 1', author: 'Ada' })
    expect(preview.apps[0]?.changes.filter(({ action }) => action !== 'keep')).toMatchObject([
      { action: 'configure', ref: { kind: 'Deployment' }, source: { file: 'web.yaml', line: 1 } },
    ])
    expect((await world.client.get(Kinds.App, 'shop')).status?.observedRevision).toBe(second)
  })

  it('plan ends with 1 for a mistake and shows it, on a branch that nobody follows', async () => {
    world.repository.git('checkout', '-q', '-b', 'proposal')
    world.push('typo', { 'web.yaml': deployment('web').replace('image:', 'imagee:') })
    const { code, out } = await world.bowline(['plan'])
    world.repository.git('checkout', '-q', 'main')
    expect(code).toBe(1)
    expect(out).toMatch(/web\.yaml:16:11@[0-9a-f]{7}: unknown field .*imagee/)
    expect(out).toContain('would be held')
    expect((await world.bowline(['plan', 'proposal'])).code).toBe(1)
  })

  it('plan says what deletions would wait for', async () => {
    world.repository.git('checkout', '-q', '-b', 'empty')
    world.repository.git('rm', '-q', 'web.yaml', 'config.yaml')
    world.push('drop all', { 'README.md': '' })
    const { code, out } = await world.bowline(['plan'])
    world.repository.git('checkout', '-q', 'main')
    expect(code).toBe(2)
    expect(out).toMatch(/- shop\/Deployment default\/web/)
    expect(out).toContain('shop would be held: This plan deletes all 2 objects of app shop')
  })

  it('status shows apps and hosts, and ends with 0 while all is well', async () => {
    const { code, out } = await world.bowline(['status'])
    expect(code).toBe(0)
    expect(out).toMatch(/^APP +PHASE +REVISION +OBJECTS +MESSAGE$/m)
    expect(out).toMatch(new RegExp(`^shop +Healthy +${second.slice(0, 7)} +2 +2 objects are healthy$`, 'm'))
    expect(out).toMatch(/^host-1 +Ready +hollow:\/\/1\.0\.0 +127\.0\.0\.1$/m)
    const { apps, nodes } = JSON.parse((await world.bowline(['status', '-o', 'json'])).out) as {
      apps: readonly { name: string; status: App['status'] }[]
      nodes: readonly { name: string; ready: boolean }[]
    }
    expect(apps).toMatchObject([{ name: 'shop', status: { phase: 'Healthy' } }])
    expect(nodes).toMatchObject([{ name: 'host-1', ready: true }, { name: 'host-2' }])
  })

  it('status shows how long the certificates of ingresses last, and which are missing', async () => {
    const { client } = world
    const HERE = { namespace: 'default' }
    await client.create(Kinds.Secret, tlsSecret('shown', selfSigned('a.test')))
    const tls = [
      { hosts: ['a.test'], secretName: 'shown' },
      { hosts: ['b.test'], secretName: 'absent' },
    ]
    await client.create(Kinds.Ingress, ingress('web', { tls, defaultBackend: backend('web') }))
    const { out } = await world.bowline(['status'])
    expect(out).toMatch(/default\/shown +(29|30) +\d{4}-\d\d-\d\d +a\.test/)
    expect(out).toMatch(/default\/absent +missing +b\.test/)
    await client.delete(Kinds.Ingress, 'web', HERE)
    await client.delete(Kinds.Secret, 'shown', HERE)
  })

  it('history shows what every commit did, newest first', async () => {
    const { code, out } = await world.bowline(['history'])
    expect(code).toBe(0)
    const [headings, ...rows] = out.split('\n')
    expect(headings).toMatch(/^RECORD +COMMIT +TRIGGER +STATE +CHANGES +TOOK +AT \(UTC\) +AUTHOR +SUBJECT$/)
    expect(rows.map(row => row.split(/ {2,}/).slice(0, 4))).toEqual([
      ['shop-000003', second.slice(0, 7), 'drift by bowline-admin', 'Healthy'],
      ['shop-000002', second.slice(0, 7), 'push', 'Healthy'],
      ['shop-000001', first.slice(0, 7), 'start', 'Healthy'],
    ])
    expect((await world.bowline(['history', '--limit', '1'])).out.split('\n')).toHaveLength(2)
    for (const words of [
      ['history', 'blog'],
      ['audit', 'export', 'blog'],
    ]) {
      const unknown = await world.bowline(words)
      expect(unknown).toMatchObject({ code: 1, out: '' })
      expect(unknown.err).toContain('Cannot find records of blog: there is no such app')
    }
    const json = JSON.parse(
      (await world.bowline(['history', 'shop', '-o', 'json'])).out,
    ) as readonly RecordObject[]
    expect(json.map(({ metadata }) => metadata.name)).toEqual(['shop-000003', 'shop-000002', 'shop-000001'])
  })

  it('show tells everything of a commit or of one record', async () => {
    const { code, out } = await world.bowline(['show', second.slice(0, 7)])
    expect(code).toBe(0)
    expect(out).toMatch(/^shop-000002 {2}Healthy {2}2 objects are healthy$/m)
    expect(out).toContain('author     Ada <ada@example.org>')
    expect(out).toContain('committer  Grace <grace@example.org>')
    expect(out).toMatch(/configured Deployment default\/web/)
    expect(out).toMatch(/started default\/web-\S+\/web on host-\d/)
    expect(out).toMatch(/stopped default\/web-\S+\/web on host-\d/)
    expect(out).toMatch(/hash {7}[0-9a-f]{64}/)
    expect(out).toContain('trigger    drift by bowline-admin')
    expect((await world.bowline(['show', 'shop-000001'])).out).toContain('"shop 1"'.replaceAll('"', ''))
    world.repository.git('tag', 'shipped', second)
    for (const name of [second, 'HEAD', 'main', 'shipped', second.slice(0, 5)])
      expect((await world.bowline(['show', name])).out).toBe(out)
    const before = (await world.bowline(['show', 'HEAD~1'])).out
    expect(before).toContain(`commit     ${first}`)
    expect(before).not.toContain(second)
    const elsewhere = await world.bowline(['show', 'HEAD'], { cwd: world.folder })
    expect(elsewhere.err).toContain('Cannot show HEAD: no record of such a commit or name')
    const missing = await world.bowline(['show', 'abcdef0'])
    expect(missing).toMatchObject({ code: 1, out: '' })
    expect(missing.err).toContain('Cannot show abcdef0: no record of such a commit or name')
    expect(missing.err).toContain('`bowline history` lists the records')
  })

  it('audit verify and export check and take away what is recorded', async () => {
    const verify = await world.bowline(['audit', 'verify'])
    expect(verify.code).toBe(0)
    expect(verify.out).toMatch(/^✓ shop: 3 records, chain intact up to [0-9a-f]{16}$/)
    const lines = (await world.bowline(['audit', 'export'])).out.split('\n')
    expect(lines.map(line => (JSON.parse(line) as RecordObject).metadata.name)).toEqual([
      'shop-000001',
      'shop-000002',
      'shop-000003',
    ])
  })
})

describe('plan where the server follows two repositories', () => {
  let world: CliWorld

  beforeAll(async () => {
    world = await CliWorld.create({ nodes: [] })
  })

  afterAll(() => world.close())

  it('is that of the repository which has the commit', async () => {
    await world.reaches('Healthy', world.push('one', { 'config.yaml': configMap('config') }))
    const other = new TestRepository(join(world.folder, 'other'))
    const first = other.commit('one', { 'more.yaml': configMap('more') })
    const source = { repository: other.path, branch: 'main', path: '' }
    const app = {
      apiVersion: 'bowline.dev/v1alpha1',
      kind: 'App',
      metadata: { name: 'other' },
      spec: { source },
    }
    await world.client.create(Kinds.App, app as App)
    await world.reaches('Healthy', first, 'other')
    other.git('checkout', '-q', '-b', 'proposal')
    other.commit('two', { 'more.yaml': configMap('more', 'two') })
    const { code, out } = await world.bowline(['plan'], { cwd: other.path })
    expect(out).toContain('~ other/ConfigMap default/more')
    expect(code).toBe(2)
    expect((await world.bowline(['plan'])).code).toBe(0)
    const nowhere = await world.bowline(['plan', 'a'.repeat(40)])
    expect(nowhere).toMatchObject({ code: 1, out: '' })
    expect(nowhere.err).toContain("none of the server's repositories has such a commit")
  })
})

describe('audit verify of an app', () => {
  let world: CliWorld

  beforeAll(async () => {
    world = await CliWorld.create({ nodes: [] })
  })

  afterAll(() => world.close())

  it('calls nothing intact of an app that never had a record', async () => {
    world.push('one', { 'config.yaml': configMap('config') })
    expect((await world.bowline(['follow'])).code).toBe(0)
    expect(await world.bowline(['audit', 'verify', 'shop'])).toMatchObject({ code: 0 })
    const { code, out, err } = await world.bowline(['audit', 'verify', 'shpo'])
    expect({ code, out }).toEqual({ code: 1, out: '' })
    expect(err).toContain('Cannot verify the records of shpo: there are none, nor were there any')
  })
})

describe('commands that find something wrong', () => {
  let world: CliWorld

  beforeAll(async () => {
    world = await CliWorld.create({ nodes: [] })
  })

  afterAll(() => world.close())

  it('audit verify ends with 1 and names the record that was changed', async () => {
    world.push('one', { 'config.yaml': configMap('config') })
    expect((await world.bowline(['follow'])).code).toBe(0)
    const key = registryKey(Kinds.Record, undefined, 'shop-000001')
    await world.tamper(key, text => text.replace('"Ada"', '"Eve"'))
    const { code, out } = await world.bowline(['audit', 'verify'])
    expect(code).toBe(1)
    expect(out).toBe('✗ shop: shop-000001 its content does not match its hash')
  })

  it('status ends with 3 for a held app and 1 for a failed one, with the reason', async () => {
    world.push('typo', { 'web.yaml': 'kind: [' })
    await world.bowline(['follow'])
    const held = await world.bowline(['status'])
    expect(held.code).toBe(3)
    expect(held.out).toMatch(/^shop +Held /m)
    expect(held.out).toMatch(/web\.yaml:1:\d+@[0-9a-f]{7}: /)
    world.repository.git('branch', '-q', '-m', 'main', 'trunk')
    await eventually('the problem', async () => (await world.bowline(['status'])).code === 1)
    expect((await world.bowline(['status'])).out).toContain('Cannot read branch main')
    world.repository.git('branch', '-q', '-m', 'trunk', 'main')
  })

  it('every error says what, where, and what to do next', async () => {
    const outside = { cwd: '/' }
    const cases: readonly (readonly [readonly string[], { readonly cwd?: string }, number, RegExp])[] = [
      [['plan', 'nonsense'], {}, 1, /Cannot find commit "nonsense"/],
      [['follow', 'HEAD~99'], {}, 1, /Cannot find commit "HEAD~99": the history does not reach so far/],
      [['plan'], outside, 1, /neither it nor a folder above it is a Git repository[\s\S]*next: /],
      [
        ['plan', 'a'.repeat(40)],
        {},
        1,
        /Cannot plan a{7}: the server's repository has no such commit[\s\S]*next: push/,
      ],
      [['status', '--kubeconfig', '/etc/hostname'], {}, 1, /Cannot use the kubeconfig[\s\S]*next: /],
      [
        ['status', '--data-dir', '/nonexistent'],
        {},
        1,
        /Cannot read the kubeconfig[\s\S]*next: start a server/,
      ],
      [['status', '-o', 'yaml'], {}, 64, /Allowed choices are text, json/],
      [['nonsense'], {}, 64, /unknown command 'nonsense'\n\(bowline help/],
      [['follow', '--deadline', 'soon'], {}, 64, /Expected a whole number from 1/],
    ]
    for (const [args, options, code, text] of cases) {
      const said = await world.bowline(args, options)
      expect(said.code, `${args.join(' ')}: ${said.err}`).toBe(code)
      expect(said.err, args.join(' ')).toMatch(text)
    }
  })

  it('says so when the kubeconfig is that of another cluster', async () => {
    const other = await CliWorld.create({ nodes: [] })
    const mine = await readFile(join(world.dataDir, 'kubeconfig'), 'utf8')
    const theirs = await readFile(join(other.dataDir, 'kubeconfig'), 'utf8')
    const address = /server: \S+/
    const mixed = join(world.folder, 'mixed')
    await writeFile(mixed, theirs.replace(address, address.exec(mine)?.[0] ?? ''))
    const { code, err } = await world.bowline(['status', '--kubeconfig', mixed])
    await other.close()
    expect(code).toBe(1)
    expect(err).toMatch(/error: Cannot trust https:\/\/127\.0\.0\.1:\d+[\s\S]*next: /)
  })

  it('says so when the server has gone away', async () => {
    const other = await CliWorld.create({ nodes: [] })
    other.push('one', { 'config.yaml': configMap('config') })
    await other.stopServer()
    for (const command of ['status', 'history', 'follow', 'plan', 'rollback']) {
      const { code, err } = await other.bowline([command])
      expect(code, command).toBe(1)
      expect(err, command).toMatch(/error: Cannot reach[\s\S]*next: is the server running\?/)
    }
    await other.close()
  })
})
