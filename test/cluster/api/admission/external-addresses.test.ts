import { afterEach, describe, expect, it } from 'vitest'
import { parseSubnet } from '../../../../src/base/index.ts'
import { Kinds, type Service } from '../../../../src/kube/index.ts'
import { startTestApi, type TestApi } from '../test-api.ts'

const OPTIONS = { namespace: 'default' }

describe('external addresses of services', () => {
  let api: TestApi
  afterEach(() => api.close())

  function service(externalIPs: readonly string[]): Service {
    return {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web', namespace: 'default' },
      spec: { ports: [{ port: 6443 }], externalIPs: [...externalIPs] },
    }
  }

  const addresses = async () => (await api.client.get(Kinds.Service, 'web', OPTIONS)).spec?.externalIPs

  it('are refused unless the server was told of a network for them', async () => {
    api = await startTestApi()
    await expect(api.client.create(Kinds.Service, service(['192.0.2.7']))).rejects.toThrow(
      'services "web" is forbidden: spec.externalIPs: 192.0.2.7 is in no network that this cluster allows external addresses in; ' +
        'the server must be started with --service-external-ips and a network that has it',
    )
    await api.client.create(Kinds.Service, service([]))
    await expect(
      api.client.patch(
        Kinds.Service,
        'web',
        { type: 'merge', body: { spec: { externalIPs: ['192.0.2.7'] } } },
        OPTIONS,
      ),
    ).rejects.toThrow('192.0.2.7 is in no network')
    expect(await addresses()).toBeUndefined()
  })

  it('are taken from the networks that the server was told of, and no others', async () => {
    const network = parseSubnet('192.0.2.0/28')
    api = await startTestApi({ serviceExternalIPs: network === undefined ? [] : [network] })
    await api.client.create(Kinds.Service, service(['192.0.2.7']))
    await expect(
      api.client.patch(
        Kinds.Service,
        'web',
        { type: 'merge', body: { spec: { externalIPs: ['192.0.2.7', '192.0.2.16'] } } },
        OPTIONS,
      ),
    ).rejects.toThrow(
      '192.0.2.16 is in no network that this cluster allows external addresses in (192.0.2.0/28)',
    )
    expect(await addresses()).toEqual(['192.0.2.7'])
  })
})
