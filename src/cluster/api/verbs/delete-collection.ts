import { Limit } from '../../../base/index.ts'
import { isNotFound, type Kind } from '../../../kube/index.ts'
import { authorize } from '../authorize.ts'
import type { DeletionOptions, Entry, ListQuery, RequestContext } from '../contract.ts'
import type { VerbServices } from '../services.ts'
import { removeObject } from './delete.ts'
import { readList } from './list.ts'

/** Deletions that are under way at a time; the store makes one group of them. */
const CONCURRENCY = 64

/** Deletes what a query lists, no more than its limit; answers with what it was or has become. */
export async function deleteObjects(
  services: VerbServices,
  context: RequestContext,
  kind: Kind,
  query: ListQuery,
  options: DeletionOptions,
): Promise<readonly Entry[]> {
  const { namespace, fieldSelector } = query
  const attributes = authorize(services, context, kind, {
    verb: 'deletecollection',
    namespace,
    fieldSelector,
  })
  const { entries } = await readList(services, context, kind, query)
  const limit = new Limit(CONCURRENCY)
  const deleted = await Promise.all(
    entries.map(({ object: { metadata } }) =>
      limit.run(async () => {
        const target = { ...attributes, namespace: metadata.namespace ?? '', name: metadata.name ?? '' }
        try {
          return (await removeObject(services, context, kind, target, options)).entry
        } catch (error) {
          if (isNotFound(error)) return undefined
          throw error
        }
      }),
    ),
  )
  return deleted.filter(entry => entry !== undefined)
}
