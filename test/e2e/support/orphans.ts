import { Kinds } from '../../../src/kube/index.ts'
import type { TestEngine } from '../../support/dockerd.ts'
import type { Installation } from './installation.ts'
import { engineContainers } from './site.ts'

/**
 * What the engines and the API disagree about: containers or sandboxes of pods that the API does not have, two that run for the
 * same container of a pod, and running pods without their containers. Empty when all is well.
 */
export async function disagreements(
  site: Pick<Installation, 'client'>,
  ...engines: readonly TestEngine[]
): Promise<readonly string[]> {
  const problems: string[] = []
  const { items } = await site.client.list(Kinds.Pod)
  const pods = new Map(items.map(pod => [pod.metadata.uid ?? '', pod]))
  for (const type of ['container', 'sandbox'] as const) {
    const seen = new Set<string>()
    const found = await Promise.all(engines.map(engine => engineContainers(engine, { type, all: true })))
    for (const { Labels, State, Names } of found.flat()) {
      const uid = Labels['bowline.dev/pod-uid'] ?? ''
      const pod = pods.get(uid)
      if (pod === undefined) problems.push(`orphan ${type} ${Names[0]} (${State})`)
      else if (pod.spec?.nodeName !== Labels['bowline.dev/node'])
        problems.push(`${type} ${Names[0]} is on another node than its pod`)
      if (State !== 'running') continue
      const key = `${uid}/${type === 'container' ? Labels['bowline.dev/container'] : ''}`
      if (seen.has(key)) problems.push(`duplicate ${type} ${Names[0]}`)
      seen.add(key)
    }
    if (type === 'container')
      for (const { metadata, status } of items)
        for (const { name, state } of status?.containerStatuses ?? [])
          if (state?.running !== undefined && !seen.has(`${metadata.uid}/${name}`))
            problems.push(`${metadata.namespace}/${metadata.name}/${name} is called running and is not`)
  }
  return problems
}
