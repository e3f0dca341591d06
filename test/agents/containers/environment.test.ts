import { describe, expect, it } from 'vitest'
import {
  type ReferencedObjects,
  resolveEnvironment,
  type Variable,
} from '../../../src/agents/containers/environment.ts'
import { expandVariables } from '../../../src/agents/containers/expand.ts'
import type { Container } from '../../../src/kube/index.ts'
import { container, pod } from '../support/pod-view.ts'

const around = {
  podIP: '10.1.0.2',
  hostIP: '192.0.2.7',
  allocatable: { cpuCores: 1.5, memoryBytes: 2 ** 30 },
}

const objects: ReferencedObjects = {
  configMap: async name =>
    name === 'settings'
      ? { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { color: 'blue', size: 'xl' } }
      : undefined,
  secret: async name =>
    name === 'keys'
      ? { apiVersion: 'v1', kind: 'Secret', metadata: { name }, data: { main: btoa('hunter2') } }
      : undefined,
}

async function resolve(
  rest: Partial<Container>,
  links: readonly Variable[] = [],
): Promise<Record<string, string>> {
  const app = container('app', rest)
  const owner = pod({ containers: [app] }, { metadata: { labels: { tier: 'web' } } })
  const variables = await resolveEnvironment(owner, app, objects, around, links)
  return Object.fromEntries(variables.map(({ name, value }) => [name, value]))
}

describe('expandVariables()', () => {
  it.each([
    ['plain', 'plain'],
    ['$(A)', '1'],
    ['x$(A)y$(B)z', 'x1y2z'],
    ['$(UNKNOWN)', '$(UNKNOWN)'],
    ['$$(A)', '$(A)'],
    ['$$$(A)', '$1'],
    ['$(A', '$(A'],
    ['cost: 5$', 'cost: 5$'],
    ['$A', '$A'],
    ['$$', '$'],
    ['$(A)$(B', '1$(B'],
    ['$$$$(A)', '$$(A)'],
    ['', ''],
  ])('expandVariables() makes %j to %j', (text, expected) => {
    const values: Record<string, string> = { A: '1', B: '2' }
    expect(expandVariables(text, name => values[name])).toBe(expected)
  })
})

describe('resolveEnvironment()', () => {
  it('resolveEnvironment() reads fields of the pod and what the host adds', async () => {
    const field = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } })
    expect(
      await resolve({
        env: [
          field('NAME', 'metadata.name'),
          field('NAMESPACE', 'metadata.namespace'),
          field('UID', 'metadata.uid'),
          field('TIER', "metadata.labels['tier']"),
          field('NO_LABEL', "metadata.labels['constructor']"),
          field('NODE', 'spec.nodeName'),
          field('IP', 'status.podIP'),
          field('HOST', 'status.hostIP'),
        ],
      }),
    ).toEqual({
      NAME: 'web',
      NAMESPACE: 'shop',
      UID: 'uid-1',
      TIER: 'web',
      NO_LABEL: '',
      NODE: 'host-1',
      IP: '10.1.0.2',
      HOST: '192.0.2.7',
    })
  })

  it('resolveEnvironment() reads resources in multiples of a divisor, rounded up', async () => {
    const resource = (name: string, from: string, divisor?: string) => ({
      name,
      valueFrom: { resourceFieldRef: { resource: from, ...(divisor === undefined ? {} : { divisor }) } },
    })
    expect(
      await resolve({
        resources: { limits: { memory: '100Mi' }, requests: { cpu: '250m' } },
        env: [
          resource('MEMORY', 'limits.memory', '1Mi'),
          resource('CPU', 'requests.cpu'),
          resource('MILLI', 'requests.cpu', '1m'),
          resource('UNLIMITED', 'limits.cpu', '1m'),
          resource('NONE', 'requests.memory'),
        ],
      }),
    ).toEqual({ MEMORY: '100', CPU: '1', MILLI: '250', UNLIMITED: '1500', NONE: '0' })
  })

  it('resolveEnvironment() lets env win over envFrom, and sees earlier variables only', async () => {
    expect(
      await resolve({
        envFrom: [{ configMapRef: { name: 'settings' }, prefix: 'APP_' }, { secretRef: { name: 'keys' } }],
        env: [
          { name: 'APP_color', value: 'red' },
          { name: 'LINE', value: '$(APP_size) $(APP_color) $(LATER)' },
          { name: 'LATER', value: 'now' },
          { name: 'KEY', valueFrom: { secretKeyRef: { name: 'keys', key: 'main' } } },
        ],
      }),
    ).toEqual({
      APP_color: 'red',
      APP_size: 'xl',
      main: 'hunter2',
      LINE: 'xl red $(LATER)',
      LATER: 'now',
      KEY: 'hunter2',
    })
  })

  it('resolveEnvironment() adds links whose name is free, and lets variables refer to them', async () => {
    const links = [
      { name: 'WEB_SERVICE_HOST', value: '10.43.0.1' },
      { name: 'WEB_SERVICE_PORT', value: '80' },
    ]
    const env = [
      { name: 'URL', value: 'http://$(WEB_SERVICE_HOST):$(WEB_SERVICE_PORT)' },
      { name: 'WEB_SERVICE_PORT', value: '8080' },
    ]
    expect(await resolve({ env }, links)).toEqual({
      URL: 'http://10.43.0.1:80',
      WEB_SERVICE_HOST: '10.43.0.1',
      WEB_SERVICE_PORT: '8080',
    })
  })

  it('resolveEnvironment() leaves out what is optional and missing', async () => {
    expect(
      await resolve({
        envFrom: [{ configMapRef: { name: 'none', optional: true } }],
        env: [
          { name: 'A', valueFrom: { configMapKeyRef: { name: 'none', key: 'x', optional: true } } },
          { name: 'B', valueFrom: { secretKeyRef: { name: 'keys', key: 'none', optional: true } } },
        ],
      }),
    ).toEqual({})
  })

  it.each<[string, Partial<Container>]>([
    ['configmap "none" not found', { envFrom: [{ configMapRef: { name: 'none' } }] }],
    [
      'secret "none" not found',
      { env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'none', key: 'x' } } }] },
    ],
    [
      "couldn't find key x in ConfigMap shop/settings",
      { env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'settings', key: 'x' } } }] },
    ],
    [
      "couldn't find key x in Secret shop/keys",
      { env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'keys', key: 'x' } } }] },
    ],
    [
      "couldn't find key __proto__ in ConfigMap shop/settings",
      { env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'settings', key: '__proto__' } } }] },
    ],
  ])('resolveEnvironment() refuses with %j', async (message, rest) => {
    await expect(resolve(rest)).rejects.toThrow(message)
  })
})
