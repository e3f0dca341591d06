import { PassThrough } from 'node:stream'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { silentLogger, systemClock, systemIds } from '../../src/base/index.ts'
import { showHistory } from '../../src/cli/history.ts'
import { listHosts } from '../../src/cli/host/list.ts'
import { showStatus } from '../../src/cli/status.ts'
import { createTerminal } from '../../src/cli/terminal.ts'
import { createHttpsClient, type HttpsClient, Informers } from '../../src/client/index.ts'
import { ClusterRoleAggregationController } from '../../src/cluster/controllers/cluster-role-aggregation-controller.ts'
import { Kinds } from '../../src/kube/index.ts'
import { eventually } from '../base/eventually.ts'
import { startTestApi, type TestApi } from '../cluster/api/support/api-server.ts'
import { node } from '../cluster/controllers/build.ts'
import { ingress } from '../kube/ingress/objects.ts'

const stop = new AbortController()
const running: Promise<unknown>[] = []
let api: TestApi
let viewer: HttpsClient

/** Somebody who has the roles that docs/access.md gives to a teammate who only looks. */
beforeAll(async () => {
  api = await startTestApi()
  const parts = { client: api.client, clock: systemClock, ids: systemIds, log: silentLogger }
  const informers = new Informers(parts)
  running.push(new ClusterRoleAggregationController({ ...parts, informers }).start(stop.signal))
  running.push(informers.start(stop.signal))
  for (const role of ['view', 'bowline:fleet-viewer'])
    await api.client.create(Kinds.ClusterRoleBinding, {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: `readers-${role}` },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
      subjects: [{ kind: 'Group', apiGroup: 'rbac.authorization.k8s.io', name: 'readers' }],
    })
  const { resourceVersion: _, uid: __, ...metadata } = node('host-1').metadata
  await api.client.create(Kinds.Node, { ...node('host-1'), metadata })
  await api.client.create(
    Kinds.Ingress,
    ingress('shop', {
      defaultBackend: { service: { name: 'shop', port: { number: 80 } } },
      tls: [{ hosts: ['a.test'], secretName: 'tls' }],
    }),
  )
  const { cert, key } = await api.identity('ada', ['readers'])
  viewer = createHttpsClient({
    server: api.url,
    ca: api.authority.certificate,
    credentials: { certificate: cert, key },
    userAgent: 'bowline/test',
    fieldManager: 'test',
    clock: systemClock,
  })
  await eventually('the roles to count', async () =>
    viewer.list(Kinds.Pod).then(
      () => true,
      () => false,
    ),
  )
})
afterAll(async () => {
  await viewer?.close()
  stop.abort()
  await Promise.all(running)
  await api.close()
})

function terminal() {
  const out = new PassThrough()
  const made = createTerminal({
    stdout: Object.assign(out, { isTTY: false }) as unknown as NodeJS.WriteStream,
    stderr: new PassThrough() as unknown as NodeJS.WriteStream,
    noColor: true,
  })
  return { terminal: made, said: () => String(out.read() ?? '') }
}

const options = { clock: systemClock, output: 'text' } as const

it('`bowline status`, `host list` and `history` say what there is, and nothing of Secrets', async () => {
  const status = terminal()
  expect(await showStatus(viewer, status.terminal, options)).toBe(0)
  const text = status.said()
  expect(text).toContain('host-1')
  expect(text).not.toContain('default/tls')
  const hosts = terminal()
  expect(await listHosts(viewer, hosts.terminal, options)).toBe(0)
  expect(hosts.said()).toContain('host-1')
  expect(await showHistory(viewer, terminal().terminal, { limit: 5, output: 'text' })).toBe(0)
})

it('neither Secrets nor any change is theirs', async () => {
  await expect(viewer.list(Kinds.Secret)).rejects.toMatchObject({ code: 403 })
  await expect(viewer.delete(Kinds.Ingress, 'shop', { namespace: 'default' })).rejects.toMatchObject({
    code: 403,
  })
  await expect(viewer.raw('GET', '/apis/bowline.dev/v1alpha1/jointokens')).rejects.toMatchObject({
    code: 403,
  })
})
