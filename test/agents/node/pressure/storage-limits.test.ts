import { expect, it } from 'vitest'
import { storageExcess } from '../../../../src/agents/node/pressure/storage-limits.ts'
import type { AssignedPod } from '../../../../src/agents/pods/assigned-pod.ts'
import type { PodSpec } from '../../../../src/kube/index.ts'

const MI = 2 ** 20

function pod(spec: Partial<PodSpec>): AssignedPod {
  const metadata = { name: 'p', namespace: 'default', uid: 'u' }
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata,
    spec: { nodeName: 'n', containers: [], ...spec },
  } as AssignedPod
}

function limited(name: string, limit?: string): PodSpec['containers'][number] {
  return { name, image: 'i', ...(limit && { resources: { limits: { 'ephemeral-storage': limit } } }) }
}

it.each<[string, Partial<PodSpec>, Record<string, number>, Record<string, number>, string | undefined]>([
  ['no limit', { volumes: [{ name: 'v', emptyDir: {} }] }, { v: 9 * MI }, {}, undefined],
  ['a limit of 0', { volumes: [{ name: 'v', emptyDir: { sizeLimit: '0' } }] }, { v: MI }, {}, undefined],
  [
    'a limit that is reached',
    { volumes: [{ name: 'v', emptyDir: { sizeLimit: '1Mi' } }] },
    { v: MI },
    {},
    undefined,
  ],
  [
    'a volume in memory',
    { volumes: [{ name: 'v', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } }] },
    { v: MI + 1 },
    {},
    'Usage of EmptyDir volume "v" exceeds the limit "1Mi". ',
  ],
  [
    'a container beyond its own limit, within that of the pod',
    { containers: [limited('a', '1Mi'), limited('b', '4Mi')] },
    {},
    { a: 2 * MI, b: MI },
    'Container a exceeded its local ephemeral storage limit "1Mi". ',
  ],
  [
    'volumes and containers together',
    { containers: [limited('a', '2Mi'), limited('b')], volumes: [{ name: 'v', emptyDir: {} }] },
    { v: MI },
    { a: MI, b: 1 },
    'Pod ephemeral local storage usage exceeds the total limit of containers 2Mi. ',
  ],
  [
    'what is in memory does not count for the pod',
    { containers: [limited('a', '2Mi')], volumes: [{ name: 'v', emptyDir: { medium: 'Memory' } }] },
    { v: 9 * MI },
    { a: MI },
    undefined,
  ],
])('storageExcess() of %s', (_, spec, emptyDirs, containers, message) => {
  const usage = {
    emptyDirs: new Map(Object.entries(emptyDirs)),
    containers: new Map(Object.entries(containers)),
  }
  expect(storageExcess(pod(spec), usage)).toBe(message)
})
