import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { silentLogger, systemClock, systemIds } from '../../../../src/base/index.ts'
import { Informers } from '../../../../src/client/index.ts'
import { ApiRegistrationController } from '../../../../src/cluster/controllers/index.ts'
import { type APIService, type CustomResourceDefinition, Kinds } from '../../../../src/kube/index.ts'
import { eventually } from '../../../base/eventually.ts'
import { startTestApi, type TestApi } from '../../api/test-api.ts'

const LABEL = 'kube-aggregator.kubernetes.io/automanaged'

let api: TestApi
let stop: AbortController
let running: Promise<unknown>

beforeEach(async () => {
  api = await startTestApi()
  start()
})

afterEach(async () => {
  await end()
  await api.close()
})

function start(): void {
  stop = new AbortController()
  const context = { client: api.client, clock: systemClock, ids: systemIds, log: silentLogger }
  const informers = new Informers(context)
  const controller = new ApiRegistrationController({ ...context, informers })
  running = Promise.all([controller.start(stop.signal), informers.start(stop.signal)])
}

async function end(): Promise<void> {
  stop.abort()
  await running
}

/** `v1.apps Local True onstart`, of each whose availability is known. */
async function told(): Promise<readonly string[]> {
  const { items } = await api.client.list(Kinds.APIService)
  return items.flatMap(({ metadata, spec, status }) =>
    (status?.conditions ?? []).map(
      ({ status: available, reason }) =>
        `${metadata.name} ${spec?.service?.name ?? 'here'} ${available} ${reason} ${metadata.labels?.[LABEL] ?? '-'}`,
    ),
  )
}

function tells(line: string): Promise<unknown> {
  return eventually(line, async () => (await told()).includes(line))
}

function get(name: string): Promise<APIService> {
  return api.client.get(Kinds.APIService, name)
}

function registration(group: string, more: object = {}, labels: Record<string, string> = {}): APIService {
  return {
    apiVersion: 'apiregistration.k8s.io/v1',
    kind: 'APIService',
    metadata: { name: `v1.${group}`, labels },
    spec: { group, version: 'v1', groupPriorityMinimum: 100, versionPriority: 100, ...more },
  }
}

const WIDGETS: CustomResourceDefinition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'widgets.example.com' },
  spec: {
    group: 'example.com',
    names: { plural: 'widgets', kind: 'Widget' },
    scope: 'Namespaced',
    versions: ['v1', 'v2'].map(name => ({
      name,
      served: true,
      storage: name === 'v1',
      schema: { openAPIV3Schema: { type: 'object' } },
    })),
  },
}

describe('ApiRegistrationController', () => {
  it('has an APIService for every version of every group that is served, but for their own', async () => {
    await tells('v1. here True Local onstart')
    await tells('v2.autoscaling here True Local onstart')
    await tells('v1.authorization.k8s.io here True Local onstart')
    await tells('v1alpha1.bowline.dev here True Local onstart')
    expect((await get('v1.apps')).spec).toEqual({
      group: 'apps',
      version: 'v1',
      groupPriorityMinimum: 17_800,
      versionPriority: 15,
    })
    expect((await told()).filter(line => line.includes('apiregistration'))).toEqual([])
  })

  it('follows what users define', async () => {
    const { spec } = await api.client.create(Kinds.CustomResourceDefinition, WIDGETS)
    await tells('v1.example.com here True Local true')
    await tells('v2.example.com here True Local true')
    expect((await get('v2.example.com')).spec).toMatchObject({
      groupPriorityMinimum: 1000,
      versionPriority: 100,
    })
    const versions = spec.versions.map(version => ({ ...version, served: version.name === 'v1' }))
    const body = { spec: { versions } }
    await api.client.patch(Kinds.CustomResourceDefinition, 'widgets.example.com', { type: 'merge', body })
    await eventually(
      'one version',
      async () => !(await told()).some(line => line.startsWith('v2.example.com')),
    )
    await tells('v1.example.com here True Local true')
  })

  it('mends and makes again what is its own', async () => {
    await tells('v1.apps here True Local onstart')
    await tells('v1.batch here True Local onstart')
    const body = { metadata: { labels: { team: 'a' } }, spec: { versionPriority: 7 } }
    await api.client.patch(Kinds.APIService, 'v1.apps', { type: 'merge', body })
    const { uid } = (await get('v1.batch')).metadata
    await api.client.delete(Kinds.APIService, 'v1.batch')
    await eventually('the priority', async () => (await get('v1.apps')).spec?.versionPriority === 15)
    expect((await get('v1.apps')).metadata.labels).toMatchObject({ team: 'a' })
    await eventually('another one', async () =>
      (await api.client.list(Kinds.APIService)).items.some(
        ({ metadata }) => metadata.name === 'v1.batch' && metadata.uid !== uid,
      ),
    )
  })

  it('deletes what is served no longer, also while nobody looked', async () => {
    await tells('v1. here True Local onstart')
    await end()
    await api.client.create(Kinds.APIService, registration('gone.example.com', {}, { [LABEL]: 'true' }))
    start()
    await eventually('its end', async () =>
      (await api.client.list(Kinds.APIService)).items.every(
        ({ metadata }) => metadata.name !== 'v1.gone.example.com',
      ),
    )
  })

  it("leaves others' alone, and says that no request is passed on", async () => {
    const service = { namespace: 'kube-system', name: 'metrics' }
    const { metadata } = await api.client.create(
      Kinds.APIService,
      registration('metrics.example.com', { service }),
    )
    await tells('v1.metrics.example.com metrics False NotPassedOn -')
    expect(await get('v1.metrics.example.com')).toMatchObject({
      metadata: { uid: metadata.uid },
      spec: { groupPriorityMinimum: 100, service },
    })
  })
})
