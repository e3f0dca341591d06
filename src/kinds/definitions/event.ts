import type { EventObject } from '../../kube/generated/types.ts'
import { formatSince, Kinds } from '../../kube/index.ts'
import { nameColumn, nameOf, numberColumn, textColumn, wide } from '../table/columns.ts'
import { defineKind, type KindDefinition } from './definition.ts'

export const eventKind: KindDefinition<EventObject> = defineKind(Kinds.Event, {
  definition: 'io.k8s.api.core.v1.Event',
  selectable: {
    'involvedObject.apiVersion': object => object.involvedObject.apiVersion ?? '',
    'involvedObject.fieldPath': object => object.involvedObject.fieldPath ?? '',
    'involvedObject.kind': object => object.involvedObject.kind ?? '',
    'involvedObject.name': object => object.involvedObject.name ?? '',
    'involvedObject.namespace': object => object.involvedObject.namespace ?? '',
    'involvedObject.resourceVersion': object => object.involvedObject.resourceVersion ?? '',
    'involvedObject.uid': object => object.involvedObject.uid ?? '',
    reason: object => object.reason ?? '',
    reportingComponent: object => object.reportingComponent ?? '',
    source: object => object.source?.component || (object.reportingComponent ?? ''),
    type: object => object.type ?? '',
  },
  columns: [
    textColumn('Last Seen', 'How long ago it happened last.'),
    textColumn('Type', 'Normal or Warning.'),
    textColumn('Reason', 'Why it happened, in one word.'),
    textColumn('Object', 'What it happened to.'),
    wide(textColumn('Subobject', 'The part of the object.')),
    wide(textColumn('Source', 'Who saw it, and where.')),
    textColumn('Message', 'What happened, in a sentence.'),
    wide(textColumn('First Seen', 'How long ago it happened first.')),
    wide(numberColumn('Count', 'How often it has happened.')),
    wide(nameColumn),
  ],
  row(object, nowMs) {
    const { involvedObject } = object
    return [
      lastSeen(object, nowMs),
      object.type ?? '',
      object.reason ?? '',
      `${(involvedObject.kind ?? '').toLowerCase()}/${involvedObject.name ?? ''}`,
      involvedObject.fieldPath ?? '',
      source(object),
      (object.message ?? '').trim(),
      formatSince(object.firstTimestamp ?? object.eventTime, nowMs),
      object.series?.count ?? object.count ?? 1,
      nameOf(object),
    ]
  },
  validate(object, problems) {
    const involved = object.involvedObject?.namespace ?? ''
    const namespace = object.metadata?.namespace ?? ''
    // Events about objects without a namespace live in the default one.
    if (involved === '' ? namespace !== 'default' && namespace !== '' : involved !== namespace)
      problems.invalid('involvedObject.namespace', involved, 'does not match event.namespace')
  },
})

function lastSeen(object: EventObject, nowMs: number): string {
  return formatSince(
    object.series?.lastObservedTime ?? object.lastTimestamp ?? object.firstTimestamp ?? object.eventTime,
    nowMs,
  )
}

function source(object: EventObject): string {
  const component = object.source?.component || object.reportingComponent || ''
  const host = object.source?.host || object.reportingInstance || ''
  return host === '' ? component : `${component}, ${host}`
}
