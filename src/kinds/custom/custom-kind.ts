import { deepEqual, isObject, setOwn } from '../../base/index.ts'
import type {
  CustomResourceColumnDefinition,
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
  CustomResourceSubresourceScale,
} from '../../kube/generated/types.ts'
import {
  apiVersionOf,
  type CustomKind,
  defineHandle,
  formatSince,
  type Kind,
  type KubeObject,
  StatusError,
} from '../../kube/index.ts'
import { defineKind, type ScaleMapping } from '../definitions/definition.ts'
import { ageColumn, ageOf, type Cell, nameColumn, nameOf, type TableColumn } from '../table/columns.ts'
import { hasCondition } from './conditions.ts'
import { parseJsonPath, simplePath } from './json-path.ts'
import { customRules, type StoredVersion } from './rules.ts'
import type { SchemaProps } from './schema-props.ts'
import { compareVersions } from './versions.ts'

const compiled = new WeakMap<CustomResourceDefinition, readonly CustomKind[]>()

/**
 * The kinds of a definition, one per version that is served or stored, the preferred one first. Made once for the same object, which nobody may
 * change afterwards. They are served once the definition is established, and where `custom.isServed` says so.
 */
export function customKinds(definition: CustomResourceDefinition): readonly CustomKind[] {
  const known = compiled.get(definition)
  if (known !== undefined) return known
  const storage = definition.spec.versions.find(version => version.storage)
  const stored: StoredVersion = {
    apiVersion: `${definition.spec.group}/${storage?.name ?? ''}`,
    schema: schemaOf(storage),
  }
  const kinds = definition.spec.versions
    .filter(version => version.served || version.storage)
    .sort((a, b) => compareVersions(a.name, b.name))
    .map(version => customKind(definition, version, stored))
  compiled.set(definition, kinds)
  return kinds
}

/** The kind in the version in which its objects are stored: the one handle that reaches them whatever is served. */
export function storageKind(definition: CustomResourceDefinition): CustomKind | undefined {
  const storage = definition.spec.versions.find(version => version.storage)?.name
  return customKinds(definition).find(({ version }) => version === storage)
}

function customKind(
  definition: CustomResourceDefinition,
  version: CustomResourceDefinitionVersion,
  stored: StoredVersion,
): CustomKind {
  const { metadata, spec, status } = definition
  const names = { ...spec.names, ...status?.acceptedNames }
  const schema = schemaOf(version)
  const { scale, status: hasStatus } = version.subresources ?? {}
  const subresources = [
    ...(scale === undefined ? [] : ['scale']),
    ...(hasStatus === undefined ? [] : ['status']),
  ]
  const identity = { group: spec.group, version: version.name, kind: names.kind }
  const name = definitionName(spec.group, version.name, names.kind)
  const handle = defineHandle<KubeObject>({
    ...identity,
    plural: names.plural,
    singular: names.singular ?? names.kind.toLowerCase(),
    listKind: names.listKind ?? `${names.kind}List`,
    shortNames: names.shortNames ?? [],
    categories: names.categories ?? [],
    namespaced: spec.scope === 'Namespaced',
    subresources,
  })
  const kind = defineKind(handle, {
    definition: name,
    generation: 'content',
    selectable: selectableOf(version),
    ...columnsOf(version.additionalPrinterColumns),
    ...(scale === undefined ? {} : { scale: scaleOf(scale) }),
    rules: customRules({
      identity,
      apiVersion: `${spec.group}/${version.name}`,
      schema,
      stored,
    }),
    prepareForUpdate(draft, old, subresource) {
      // Through `status` nothing else changes, metadata included.
      if (subresource !== 'status') return
      const { managedFields } = draft.metadata ?? {}
      const kept = { ...old.metadata } as NonNullable<typeof draft.metadata>
      if (managedFields === undefined) delete kept.managedFields
      else kept.managedFields = managedFields
      draft.metadata = kept
    },
  })
  return {
    ...kind,
    custom: {
      definition: metadata.name ?? '',
      uid: metadata.uid ?? '',
      spec,
      isServed: version.served,
      deprecation: deprecationOf(kind, version),
      isEnding: hasCondition(definition, 'Terminating') || metadata.deletionTimestamp !== undefined,
    },
  }
}

function schemaOf(version: CustomResourceDefinitionVersion | undefined): SchemaProps {
  return version?.schema?.openAPIV3Schema ?? { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }
}

/** `com.example.stable.v1.CronTab`, as upstream names the definition in its OpenAPI documents. */
function definitionName(group: string, version: string, kind: string): string {
  return [...group.split('.').reverse(), version, kind].join('.')
}

function deprecationOf(kind: Kind, version: CustomResourceDefinitionVersion): string | undefined {
  if (version.deprecated !== true) return undefined
  return version.deprecationWarning ?? `${apiVersionOf(kind)} ${kind.kind} is deprecated`
}

function selectableOf({ selectableFields = [] }: CustomResourceDefinitionVersion): {
  readonly [field: string]: (object: KubeObject) => string
} {
  return Object.fromEntries(
    selectableFields.flatMap(({ jsonPath }) => {
      const names = simplePath(jsonPath)
      if (names === undefined) return []
      return [[jsonPath.slice(1), (object: KubeObject) => textOf(valueAt(object, names))] as const]
    }),
  )
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return ''
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function columnsOf(columns: readonly CustomResourceColumnDefinition[] | undefined): {
  readonly columns: readonly TableColumn[]
  row(object: KubeObject, nowMs: number): readonly Cell[]
} {
  if (columns === undefined || columns.length === 0)
    return {
      columns: [nameColumn, ageColumn],
      row: (object, nowMs) => [nameOf(object), ageOf(object, nowMs)],
    }
  const paths = columns.map(({ jsonPath }) => parseJsonPath(jsonPath))
  return {
    columns: [
      nameColumn,
      ...columns.map(({ name, type, format = '', description = '', jsonPath, priority = 0 }) => ({
        name,
        type,
        format,
        description: description || `Custom resource definition column (in JSONPath format): ${jsonPath}`,
        priority,
      })),
    ],
    row: (object, nowMs) => [
      nameOf(object),
      ...columns.map(({ type }, index) => cellOf(type, paths[index]?.(object)[0], nowMs)),
    ],
  }
}

function cellOf(type: string, value: unknown, nowMs: number): Cell {
  if (value === undefined || value === null) return null
  switch (type) {
    case 'boolean':
      return typeof value === 'boolean' ? value : null
    case 'date':
      return typeof value === 'string' ? formatSince(value, nowMs) : null
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : null
    case 'number':
      return typeof value === 'number' ? value : null
    default:
      return textOf(value)
  }
}

function scaleOf(scale: CustomResourceSubresourceScale): ScaleMapping<KubeObject> {
  const wanted = simplePath(scale.specReplicasPath) ?? []
  const observed = simplePath(scale.statusReplicasPath) ?? []
  const selector = simplePath(scale.labelSelectorPath ?? '')
  return {
    replicas(object) {
      const replicas = valueAt(object, wanted)
      if (typeof replicas === 'number') return replicas
      throw new StatusError(
        'InternalError',
        `Internal error occurred: the spec replicas field ${JSON.stringify(scale.specReplicasPath)} does not exist`,
      )
    },
    observedReplicas(object) {
      const replicas = valueAt(object, observed)
      return typeof replicas === 'number' ? replicas : 0
    },
    selector: object => (selector === undefined ? '' : textOf(valueAt(object, selector))),
    withReplicas: (object, replicas) => withValueAt(object, wanted, replicas) as KubeObject,
  }
}

function valueAt(object: unknown, names: readonly string[]): unknown {
  let value = object
  for (const name of names) {
    if (!isObject(value) || !Object.hasOwn(value, name)) return undefined
    value = value[name]
  }
  return value
}

function withValueAt(object: unknown, [name, ...rest]: readonly string[], value: unknown): unknown {
  if (name === undefined) return value
  const copy: { [key: string]: unknown } = {}
  if (isObject(object)) for (const [key, member] of Object.entries(object)) setOwn(copy, key, member)
  setOwn(copy, name, withValueAt(copy[name], rest, value))
  return copy
}

/** Whether two handles mean the same version of the same definition, which says the same. */
export function isSameKind(a: CustomKind, b: CustomKind): boolean {
  return (
    a.version === b.version &&
    a.custom.uid === b.custom.uid &&
    (a.custom.spec === b.custom.spec || deepEqual(a.custom.spec, b.custom.spec))
  )
}
