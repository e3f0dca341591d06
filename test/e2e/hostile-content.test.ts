import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { mkdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { Kinds } from '../../src/kube/index.ts'
import { PATIENCE_MS, Site } from './support/site.ts'

/** A value that must be nowhere but in the Secret and in the pod that reads it. */
const CANARY = 'canary-5f2d81c6'
const CANARIES = [CANARY, Buffer.from(CANARY).toString('base64')]

const configMap = (name: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\ndata:\n  a: b\n`

const web = (image: string): string => `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 1
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: web
          image: ${image}
          command: [sh, -c, 'while :; do sleep 1; done']
          env:
            - name: PASSWORD
              valueFrom: {secretKeyRef: {name: login, key: password}}
`

const secret = (name: string, value: string): string =>
  `apiVersion: v1\nkind: Secret\nmetadata:\n  name: ${name}\nstringData:\n  password: ${value}\n`

/**
 * The classes of vulnerabilities that operators of this kind have had, against the real program: one server follows a repository
 * in which somebody means harm, and everything else of it goes on.
 */
describe('a repository that means harm', () => {
  let site: Site

  beforeAll(async () => {
    // Host processes outlive the server, and nothing of them shall be left.
    site = await Site.create({ main: inject('bowlineMain'), nodes: 2, flags: ['--stop-containers'] })
    await site.repository.push('one honest app', {
      'bowline.yaml': 'apps: apps/*\n',
      'apps/shop/web.yaml': web('shop:1'),
      'apps/shop/login.yaml': secret('login', CANARY),
    })
    await site.start()
    await site.readyPods('shop', 1)
  }, 180_000)
  afterAll(() => site.destroy(), 120_000)

  /** Waits until every app of the repository has looked at the newest commit. */
  async function settled(apps: readonly string[]): Promise<void> {
    const head = await site.repository.head()
    for (const name of apps)
      await site.until(`app ${name} to settle`, async () => {
        const { status } = await site.app(name)
        return status?.observedRevision === head && ['Healthy', 'Held', 'Failed'].includes(status.phase ?? '')
      })
  }

  async function problems(app: string): Promise<readonly string[]> {
    const { status } = await site.app(app)
    return [...new Set((status?.diagnostics ?? []).map(({ code }) => code))].sort()
  }

  it('holds what leaves the repository, asks too much, or is not for Git, and serves the honest app meanwhile', async () => {
    const { repository } = site
    const nine = (anchor: string): string => Array.from({ length: 9 }, () => anchor).join(',')
    const small = `a: &a [${nine('x')}]\nb: &b [${nine('*a')}]\nc: &c [${nine('*b')}]\nd: [${nine('*c')}]\n---\n`
    const owned = [
      ['bowline.dev/v1alpha1', 'App'],
      ['bowline.dev/v1alpha1', 'Record'],
      ['v1', 'Node'],
      ['v1', 'Event'],
      ['coordination.k8s.io/v1', 'Lease'],
      ['certificates.k8s.io/v1', 'CertificateSigningRequest'],
    ].map(([apiVersion, kind]) => `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: {name: evil}\n`)
    await mkdir(join(repository.clone, 'apps/links'), { recursive: true })
    await symlink('/etc/passwd', join(repository.clone, 'apps/links/b.yaml'))
    await symlink('../../../../../etc', join(repository.clone, 'apps/links/etc'))
    await repository.push('folders', {
      'apps/links/a.yaml': configMap('a'),
      'apps/bombs/bomb.yaml': small.repeat(800),
      'apps/deep/deep.json': '{"a":'.repeat(50_000),
      'apps/large/large.yaml': `# ${'x'.repeat(2 * 1024 * 1024)}`,
      'apps/owned/owned.yaml': owned.join('---\n'),
      'apps/server/fields.yaml': `${configMap('a')}status: {}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: p, uid: x, ownerReferences: [{apiVersion: v1, kind: Pod, name: x, uid: y}]}\n`,
      'apps/proto/proto.yaml':
        'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n__proto__: {data: {x: y}}\n',
      'apps/names/n.yaml':
        'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ../../secrets/x, namespace: a/b}\n',
      'apps/titles/x\u001b]0;pwned\u0007.yaml': configMap('a'),
      'apps/many/many.yaml': Array.from({ length: 900 }, () => `${configMap('a')}bad: 1\n`).join('---\n'),
    })
    const held = ['links', 'bombs', 'deep', 'large', 'owned', 'server', 'proto', 'names', 'titles', 'many']
    await settled(held)
    for (const name of held) expect((await site.app(name)).status?.phase, name).toBe('Held')
    expect(await problems('links')).toEqual(['symlink'])
    expect(await problems('bombs')).toContain('too-many-aliases')
    expect(await problems('deep')).toEqual(['too-deep'])
    expect(await problems('large')).toEqual(['file-too-large'])
    expect(await problems('owned')).toEqual(['unknown-kind'])
    expect(await problems('proto')).toEqual(['unknown-field'])
    expect(await problems('names')).toEqual(['invalid-value'])
    expect(await problems('titles')).toEqual(['bad-name'])
    expect(await problems('many')).toContain('too-many-problems')
    expect((await site.app('shop')).status?.phase).toBe('Healthy')
    await site.deploy('honest work goes on', { 'apps/shop/web.yaml': web('shop:2') })
    await site.until('the honest app to be deployed', async () => {
      const { status } = await site.app('shop')
      return status?.phase === 'Healthy' && status.appliedRevision === (await repository.head())
    })
  })

  it('gives no pod the host, whatever its manifest says', async () => {
    const pod = (name: string, spec: string): string =>
      `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}}\nspec: {${spec}, containers: [{name: c, image: i, command: [sleep, '1000'] ${
        name === 'privileged' ? ', securityContext: {privileged: true}' : ''
      }}]}\n---\n`
    const names = ['network', 'processes', 'root', 'socket', 'privileged']
    await site.repository.push('escapes', {
      'apps/escape/pods.yaml': [
        pod('network', 'hostNetwork: true'),
        pod('processes', 'hostPID: true'),
        pod('root', 'volumes: [{name: v, hostPath: {path: /}}]'),
        pod('socket', 'volumes: [{name: v, hostPath: {path: /var/run/docker.sock}}]'),
        pod('privileged', 'restartPolicy: Always'),
      ].join(''),
    })
    await site.until('every escape to be refused', async () => {
      const { items } = await site.client.list(Kinds.Event, { namespace: 'escape' })
      const refused = items.filter(({ reason }) => reason === 'HostAccessDenied')
      return names.every(name => refused.some(({ involvedObject }) => involvedObject.name === name))
    })
    for (const item of await site.pods('escape')) expect(item.status?.phase).not.toBe('Running')
  })

  it('passes nothing to a terminal that it would obey', async () => {
    const message = 'work \u001b]0;pwned\u0007\u001b[2J\u009b31m\nRESULT  all is well'
    await site.repository.push(message, { 'apps/shop/web.yaml': web('shop:3') })
    const commit = await site.repository.head()
    const follow = await site.bowline('follow', commit, '--deadline', String(PATIENCE_MS / 1_000))
    const show = await site.bowline('show', commit)
    const outputs = [follow, show]
    for (const command of [['status'], ['history'], ['plan'], ['history', '-o', 'json']])
      outputs.push(await site.bowline(...command))
    for (const { stdout, stderr } of outputs) expect(stdout + stderr).not.toMatch(/(?![\n\t])\p{Cc}/u)
    expect(show.stdout).toContain('pwned')
    const { code, stderr } = await site.kubectl(['get', 'apps,records', '-o', 'yaml'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  })

  it('ends a follow of a commit whose app was repaired since', async () => {
    await site.kubectlOk(['-n', 'shop', 'scale', 'deployment', 'web', '--replicas=3'])
    await site.until('the repair', async () =>
      (await site.records('shop')).some(
        ({ spec, status }) => spec.trigger === 'drift' && status?.state === 'Healthy',
      ),
    )
    const shop = (await site.records('shop')).findLast(({ spec }) => spec.trigger === 'push')
    const head = await site.repository.head()
    expect(shop?.spec.commit.id).toBe(head)
    const { stdout } = await site.bowline('follow', head, '--deadline', '30')
    expect(stdout).toContain('✓ shop healthy')
  })

  it('shows a Secret to nobody but who may read it', async () => {
    await site.repository.push('a Secret that changes, and broken ones', {
      'apps/shop/login.yaml': secret('login', `${CANARY}-2`),
      'apps/broken/a.yaml': `apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {k: "${CANARY}!"}\n`,
      'apps/broken/b.yaml': `apiVersion: v1\nkind: Secret\nmetadata: {name: b}\nstringData:\n  k: ${CANARY}\n  k: ${CANARY}\n l: ${CANARY}\n`,
      'apps/broken/c.json': `{"kind":"Secret","apiVersion":"v1","stringData":{"a":"${CANARY}"},,}`,
    })
    await settled(['shop', 'broken'])
    await site.kubectlOk(['apply', '-n', 'shop', '-f', '-'], secret('by-hand', CANARY))
    await site.kubectlOk([
      'patch',
      '-n',
      'shop',
      'secret',
      'login',
      '-p',
      `{"stringData":{"password":"${CANARY}-3"}}`,
    ])
    await site.until('the repair', async () =>
      (await site.records('shop')).some(
        ({ spec }) => spec.trigger === 'drift' && spec.commit.subject.startsWith('a Secret'),
      ),
    )
    const told = [site.server.stdout, site.server.stderr]
    for (const command of [
      ['status'],
      ['history'],
      ['plan', '-o', 'json'],
      ['audit', 'export'],
      ['show', await site.repository.head()],
    ]) {
      const { stdout, stderr } = await site.bowline(...command)
      told.push(stdout, stderr)
    }
    told.push(await site.kubectlOk(['get', 'apps,records,events,pods,deployments,nodes', '-A', '-o', 'json']))
    told.push(await site.kubectlOk(['describe', 'secrets,pods', '-n', 'shop']))
    for (const text of told) for (const canary of CANARIES) expect(text).not.toContain(canary)
    for (const entry of readdirSync('/proc').filter(name => /^\d+$/.test(name)))
      expect(read(`/proc/${entry}/cmdline`)).not.toContain(CANARY)
  })

  it('keeps its files to itself, and its open files from what it starts', async () => {
    expect(lstatSync(site.dataDir).mode & 0o077).toBe(0)
    for (const file of [
      'kubeconfig',
      'store/store.mdb',
      'store/store.mdb-lock',
      'cache/parsed/parsed-manifests',
    ])
      expect(lstatSync(join(site.dataDir, file)).mode & 0o077, file).toBe(0)
    const others = readdirSync('/proc').filter(name => /^\d+$/.test(name) && Number(name) !== site.server.pid)
    const holders = others.filter(name =>
      openFiles(name).some(path => path.startsWith(join(site.dataDir, 'store'))),
    )
    expect(holders).toEqual([])
  })

  it('is still the same process, and every chain of records is whole', async () => {
    expect(site.server.hasEnded).toBe(false)
    const { code, stdout } = await site.bowline('audit', 'verify')
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining('✓ shop') })
  })
})

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function openFiles(pid: string): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map(descriptor => readlink(`/proc/${pid}/fd/${descriptor}`))
  } catch {
    return []
  }
}

function readlink(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
