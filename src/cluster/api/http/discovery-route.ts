import {
  aggregatedDiscovery,
  coreVersions,
  groupDocument,
  groupList,
  resourceList,
} from '../../../kube/index.ts'
import { type KeptDocument, keepDocument } from './kept-document.ts'
import type { DiscoveryForm } from './media-type.ts'

/** The served kinds are fixed while the server runs. */
const kept = new Map<string, KeptDocument | undefined>()

/** The discovery document at `/api…` or `/apis…`; undefined when there is none. Only the two roots have an aggregated form. */
export function discoveryDocument(
  root: 'api' | 'apis',
  rest: readonly string[],
  form: DiscoveryForm,
): KeptDocument | undefined {
  // Paths come from outside: only those that exist are kept.
  const key = [form, root, ...rest].join('/')
  const known = kept.get(key)
  if (known !== undefined) return known
  const document = makeDocument(root, rest, form)
  if (document !== undefined) kept.set(key, document)
  return document
}

function makeDocument(
  root: 'api' | 'apis',
  rest: readonly string[],
  form: DiscoveryForm,
): KeptDocument | undefined {
  if (rest.length === 0 && form !== 'plain')
    return keepDocument(
      aggregatedDiscovery(root === 'api' ? 'core' : 'named', form),
      `application/json;g=apidiscovery.k8s.io;v=${form};as=APIGroupDiscoveryList`,
    )
  const value = plainDocument(root, rest)
  return value === undefined ? undefined : keepDocument(value)
}

function plainDocument(root: 'api' | 'apis', rest: readonly string[]): object | undefined {
  const [first = '', second = ''] = rest
  if (root === 'api') {
    if (rest.length === 0) return coreVersions()
    return rest.length === 1 ? resourceList('', first) : undefined
  }
  if (rest.length === 0) return groupList()
  if (rest.length === 1) return groupDocument(first)
  return rest.length === 2 ? resourceList(first, second) : undefined
}
