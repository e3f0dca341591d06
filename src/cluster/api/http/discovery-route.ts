import {
  aggregatedDiscovery,
  coreVersions,
  groupDocument,
  groupList,
  resourceList,
} from '../../../kinds/index.ts'
import type { Kind } from '../../../kube/index.ts'
import { type KeptDocument, keepDocument } from './kept-document.ts'
import type { DiscoveryForm } from './media-type.ts'

/** By the list of kinds that they describe, which is another one when it changes. */
const kept = new WeakMap<readonly Kind[], Map<string, KeptDocument>>()

/** The discovery document at `/api…` or `/apis…`; undefined when there is none. Only the two roots have an aggregated form. */
export function discoveryDocument(
  kinds: readonly Kind[],
  root: 'api' | 'apis',
  rest: readonly string[],
  form: DiscoveryForm,
): KeptDocument | undefined {
  // Paths come from outside: only those that exist are kept.
  const key = [form, root, ...rest].join('/')
  const documents = kept.get(kinds) ?? new Map<string, KeptDocument>()
  kept.set(kinds, documents)
  const known = documents.get(key)
  if (known !== undefined) return known
  const document = makeDocument(kinds, root, rest, form)
  if (document !== undefined) documents.set(key, document)
  return document
}

function makeDocument(
  kinds: readonly Kind[],
  root: 'api' | 'apis',
  rest: readonly string[],
  form: DiscoveryForm,
): KeptDocument | undefined {
  if (rest.length === 0 && form !== 'plain')
    return keepDocument(
      aggregatedDiscovery(root === 'api' ? 'core' : 'named', form, kinds),
      `application/json;g=apidiscovery.k8s.io;v=${form};as=APIGroupDiscoveryList`,
    )
  const value = plainDocument(kinds, root, rest)
  return value === undefined ? undefined : keepDocument(value)
}

function plainDocument(
  kinds: readonly Kind[],
  root: 'api' | 'apis',
  rest: readonly string[],
): object | undefined {
  const [first = '', second = ''] = rest
  if (root === 'api') {
    if (rest.length === 0) return coreVersions(kinds)
    return rest.length === 1 ? resourceList('', first, kinds) : undefined
  }
  if (rest.length === 0) return groupList(kinds)
  if (rest.length === 1) return groupDocument(first, kinds)
  return rest.length === 2 ? resourceList(first, second, kinds) : undefined
}
