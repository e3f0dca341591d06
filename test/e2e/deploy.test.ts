import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { Kinds } from '../../src/kube/index.ts'
import { startTestEngine, type TestEngine, testEngineAvailability } from '../support/dockerd.ts'
import { scriptDeployment, webDeployment } from './support/manifests.ts'
import { engineContainers, Site } from './support/site.ts'

const { available, reason } = testEngineAvailability()

describe.skipIf(!available)(`from git push to running containers (${reason})`, () => {
  let engine: TestEngine
  let site: Site

  beforeAll(async () => {
    engine = await startTestEngine()
    site = await Site.create({ main: inject('bowlineMain'), engine, nodes: 2 })
    await site.repository.push('apps by folder', { 'bowline.yaml': 'apps: apps/*\n' })
    await site.start()
  })
  afterAll(async () => {
    await site?.destroy()
    await engine?.destroy()
  })

  it('a pushed commit runs, and follow tells its story and ends with 0', async () => {
    const { code, stdout, stderr } = await site.deploy('shop 1', {
      'apps/shop/web.yaml': webDeployment('web', 'one', 3),
    })
    expect(stderr).toBe('')
    expect(stdout).toContain('"shop 1"  <Ada Lovelace>')
    expect(stdout).toMatch(/PLAN {4}1 of 1 apps change: 2 create, 0 delete/)
    expect(stdout).toMatch(/\+ shop\/Deployment web .*apps\/shop\/web\.yaml:1/)
    expect(stdout).toMatch(/RESULT {2}✓ shop healthy/)
    expect(code).toBe(0)
    const pods = await site.readyPods('shop', 3)
    const running = await engineContainers(engine, { type: 'container' })
    expect(running.map(({ Labels }) => Labels['bowline.dev/pod-uid']).sort()).toEqual(
      pods.map(({ metadata }) => metadata.uid).sort(),
    )
    for (const { status } of pods) expect(await get(`http://${status?.podIP}:8080/`)).toBe('one\n')
    const [record] = await site.records('shop')
    expect(record).toMatchObject({
      spec: {
        app: 'shop',
        sequence: 1,
        trigger: 'push',
        commit: { subject: 'shop 1', author: { name: 'Ada Lovelace', email: 'ada@example.org' } },
        plan: { counts: { create: 2, configure: 0, delete: 0 } },
      },
      status: { state: 'Healthy' },
    })
    expect(record?.status?.containers?.map(({ action, container }) => `${action} ${container}`)).toEqual([
      ...['started web', 'started web', 'started web'],
    ])
  })

  it('a changed template rolls over without ever serving less than Kubernetes allows', async () => {
    let least = Number.POSITIVE_INFINITY
    const stop = new AbortController()
    const watching = (async () => {
      for await (const { object } of site.client.watch(Kinds.Deployment, {
        namespace: 'shop',
        signal: stop.signal,
      }))
        least = Math.min(
          least,
          (object as { status?: { availableReplicas?: number } }).status?.availableReplicas ?? 3,
        )
    })()
    const { code, stdout } = await site.deploy('shop 2', {
      'apps/shop/web.yaml': webDeployment('web', 'two', 3),
    })
    expect(code).toBe(0)
    expect(stdout).toMatch(/~ shop\/Deployment web .*→.*apps\/shop\/web\.yaml:1/)
    const pods = await site.readyPods('shop', 3)
    for (const { status } of pods) expect(await get(`http://${status?.podIP}:8080/`)).toBe('two\n')
    stop.abort()
    await watching
    // 25 % of three may be missing: rounded down, none.
    expect(least).toBe(3)
    const history = await site.kubectlOk(['-n', 'shop', 'rollout', 'history', 'deployment/web'])
    expect(history).toMatch(/^1 /m)
    expect(history).toMatch(/^2 /m)
  })

  it('plan says what a commit would change and ends with 2, and with 0 once it is deployed', async () => {
    await site.repository.git('checkout', '--quiet', '-b', 'proposal')
    await site.repository.git('commit', '--quiet', '--allow-empty', '-m', 'nothing')
    await site.repository.git('push', '--quiet', 'origin', 'proposal')
    expect(await site.bowline('plan', 'HEAD')).toMatchObject({ code: 0 })
    await site.repository.git('checkout', '--quiet', 'main')
    const commit = await site.repository.push('blog', {
      'apps/blog/blog.yaml': webDeployment('blog', 'blog', 1),
    })
    await site.bowline('follow', commit)
    const back = await site.bowline('plan', 'HEAD~1')
    expect(back.stdout).toMatch(/- blog\/Deployment blog/)
    expect(back.stdout).toContain('would be held')
    expect(back.code).toBe(2)
    expect(await site.bowline('plan', '-o', 'json')).toMatchObject({ code: 0 })
  })

  it('a crash loop fails the commit with what the container said, while the old one still serves', async () => {
    const broken = webDeployment('web', 'three', 3).replace(
      'httpd -p 8080 -h /tmp',
      'echo "Error: DATABASE_URL is not set" >&2; exit 1',
    )
    const { code, stdout } = await site.deploy('shop 3', { 'apps/shop/web.yaml': broken })
    expect(stdout).toMatch(/exit 1, restarted 3 times/)
    expect(stdout).toContain('Error: DATABASE_URL is not set')
    expect(stdout).toMatch(/RESULT {2}✗ shop failed, the old version still serves 3\/3/)
    expect(code).toBe(1)
    expect((await site.app('shop')).status?.phase).toBe('Failed')
    expect(await site.bowline('status')).toMatchObject({ stdout: expect.stringMatching(/shop +Failed/) })
  })

  it('rollback makes the revert commit and is healthy, whatever still crashes', async () => {
    const { code, stdout } = await site.bowline('rollback')
    expect(stdout).toMatch(/reverted .* "shop 3" as [0-9a-f]{7} on main/)
    expect(stdout).toMatch(/RESULT {2}✓ shop healthy/)
    expect(code).toBe(0)
    await site.repository.git('pull', '--quiet')
    expect(await site.repository.git('log', '-1', '--format=%s')).toBe('Revert "shop 3"')
    await site.readyPods('shop', 3)
  })

  it('a broken manifest holds its app with file, line and excerpt; other apps go on', async () => {
    const before = (await site.pods('shop')).map(({ metadata }) => metadata.uid).sort()
    const { code, stdout } = await site.deploy('typo', {
      'apps/shop/web.yaml': webDeployment('web', 'two', 3).replace('replicas: 3', 'replicas: three'),
      'apps/blog/blog.yaml': webDeployment('blog', 'news', 1),
    })
    expect(stdout).toMatch(/✗ apps\/shop\/web\.yaml:6:13@[0-9a-f]{7}: /)
    expect(stdout).toContain('replicas: three')
    expect(stdout).toMatch(/✓ blog healthy/)
    expect(stdout).toMatch(/‖ shop held, version 1 still serves 3\/3/)
    expect(code).toBe(3)
    expect((await site.pods('shop')).map(({ metadata }) => metadata.uid).sort()).toEqual(before)
    expect((await site.records('shop')).at(-1)).toMatchObject({ status: { state: 'Held', changes: [] } })
    expect(
      (await site.deploy('typo corrected', { 'apps/shop/web.yaml': webDeployment('web', 'two', 3) })).code,
    ).toBe(0)
  })

  it('a container that docker removes is started again, and the record says so', async () => {
    const [pod] = await site.readyPods('blog', 1)
    const [container] = await engineContainers(engine, { type: 'container', podUid: pod?.metadata.uid ?? '' })
    await engine.docker.getContainer(container?.Id ?? '').remove({ force: true })
    const record = await site.until('the repair', async () =>
      (await site.records('blog')).find(
        ({ spec, status }) => spec.trigger === 'drift' && status?.state === 'Healthy',
      ),
    )
    expect(record.spec.actor).toBe('unknown')
    expect(record.status?.containers?.map(({ action, container }) => `${action} ${container}`)).toEqual([
      ...['stopped web', 'started web'],
    ])
    const [healed] = await site.readyPods('blog', 1)
    expect(healed?.metadata.uid).toBe(pod?.metadata.uid)
    expect(healed?.status?.podIP).toBe(pod?.status?.podIP)
    expect(healed?.status?.containerStatuses?.[0]?.restartCount).toBe(1)
    expect(await get(`http://${healed?.status?.podIP}:8080/`)).toBe('news\n')
  })

  it('a manual edit is answered with a warning, put back, and recorded with who made it', async () => {
    const { stderr } = await site.kubectl(['-n', 'blog', 'scale', 'deployment/blog', '--replicas=4'])
    expect(stderr).toMatch(
      /Warning: Deployment blog is managed by Git \(app blog, apps\/blog\/blog\.yaml:1, commit [0-9a-f]{7}\)/,
    )
    const record = await site.until('the repair', async () =>
      (await site.records('blog')).find(
        ({ spec, status }) => spec.actor === 'bowline-admin' && status?.state === 'Healthy',
      ),
    )
    expect(record.spec.plan.changes).toMatchObject([
      {
        action: 'configure',
        ref: { kind: 'Deployment', name: 'blog' },
        fields: [{ path: 'spec.replicas', before: 4, after: 1 }],
      },
    ])
    await site.readyPods('blog', 1)
  })

  it('a deleted object comes back', async () => {
    const { metadata } = await site.client.get(Kinds.Deployment, 'blog', { namespace: 'blog' })
    await site.kubectlOk(['-n', 'blog', 'delete', 'deployment', 'blog'])
    await site.until('a new Deployment', async () => {
      const found = await site.client.get(Kinds.Deployment, 'blog', { namespace: 'blog' })
      return found.metadata.uid !== metadata.uid
    })
    await site.readyPods('blog', 1)
  })

  it('a commit that deletes a whole app is held until a trailer allows it', async () => {
    const held = await site.deploy('no blog', { 'apps/blog/blog.yaml': null })
    expect(held.stdout).toContain('Bowline-Allow-Delete: 2')
    expect(held.code).toBe(3)
    await site.readyPods('blog', 1)
    await site.repository.git('commit', '--quiet', '--allow-empty', '-m', 'really\n\nBowline-Allow-Delete: 2')
    await site.repository.git('push', '--quiet', 'origin', 'main')
    const gone = await site.bowline('follow')
    expect(gone.stdout).toMatch(/- blog\/Deployment blog/)
    expect(gone.code).toBe(0)
    await site.until('the namespace to go', async () =>
      (await site.client.list(Kinds.Namespace)).items.every(({ metadata }) => metadata.name !== 'blog'),
    )
    await site.until('its containers to go', async () =>
      (await engineContainers(engine, { type: 'container', all: true })).every(
        ({ Labels }) => Labels['bowline.dev/pod-namespace'] !== 'blog',
      ),
    )
  })

  it('a container that cannot start is told at once', async () => {
    const { code, stdout } = await site.deploy('no image', {
      'apps/jobs/job.yaml': scriptDeployment('job', 'true').replace(
        /image: .*/,
        'image: absent.invalid/none:1\n          imagePullPolicy: Never',
      ),
    })
    expect(stdout).toMatch(/✗ jobs failed/)
    expect(code).toBe(1)
  })

  it('history, show and audit tell all of it, and every chain verifies', async () => {
    const history = await site.bowline('history', 'shop')
    expect(history.stdout).toMatch(/Failed .*shop 3/)
    expect(history.stdout).toMatch(/Held .*typo/)
    const [first] = await site.records('shop')
    const shown = await site.bowline('show', first?.spec.commit.id ?? '')
    expect(shown.stdout).toMatch(/started shop\/web-\S+\/web on /)
    const verified = await site.bowline('audit', 'verify')
    expect(verified.code).toBe(0)
    expect(verified.stdout).toMatch(/✓ shop: \d+ records, chain intact/)
    const exported = await site.bowline('audit', 'export', 'shop')
    expect(
      exported.stdout
        .trim()
        .split('\n')
        .map(line => JSON.parse(line).spec.sequence),
    ).toEqual((await site.records('shop')).map(({ spec }) => spec.sequence))
    const records = await site.kubectlOk(['get', 'records', '-l', 'bowline.dev/app=shop', '-o', 'name'])
    expect(records).toContain('record.bowline.dev/shop-000001')
  })
})

async function get(url: string): Promise<string> {
  return (await fetch(url)).text()
}
