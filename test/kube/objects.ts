import type { KubeObject } from '../../src/kube/index.ts'

/** Objects as people write them, for tests to change; each is a new one. */

export function podManifest(spec: object = {}, metadata: object = {}): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'default', ...metadata },
    spec: { containers: [{ name: 'app', image: 'registry.local/app:1.0' }], ...spec },
  } as KubeObject
}

export function deploymentManifest(spec: object = {}, metadata: object = {}): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default', ...metadata },
    spec: {
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: { containers: [{ name: 'app', image: 'registry.local/app:1.0' }] },
      },
      ...spec,
    },
  } as KubeObject
}

export function manifest(
  apiVersion: string,
  kind: string,
  fields: object = {},
  metadata: object = {},
): KubeObject {
  return { apiVersion, kind, metadata: { name: 'example', ...metadata }, ...fields } as KubeObject
}
