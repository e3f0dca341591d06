import type { EventObject, EventsEvent } from '../../kube/generated/types.ts'
import { Kinds, type KubeObject, labelKeyProblems } from '../../kube/index.ts'
import { defineKind, type KindDefinition } from './definition.ts'
import { eventKind } from './event.ts'

const MAX_NOTE = 1024
const MAX_WORD = 128
/** The fields of `events.k8s.io/v1` that the core group's Event, which is stored, has under another name. */
const RENAMED: readonly (readonly [seen: string, stored: string])[] = [
  ['deprecatedCount', 'count'],
  ['deprecatedFirstTimestamp', 'firstTimestamp'],
  ['deprecatedLastTimestamp', 'lastTimestamp'],
  ['deprecatedSource', 'source'],
  ['note', 'message'],
  ['regarding', 'involvedObject'],
  ['reportingController', 'reportingComponent'],
]

/** Events under the group of their own: the same objects as the core group's, with newer names. */
export const eventsEventKind: KindDefinition<EventsEvent> = defineKind(Kinds.EventsEvent, {
  definition: 'io.k8s.api.events.v1.Event',
  selectable: Object.fromEntries(
    Object.entries(eventKind.selectable).map(([field, value]) => [
      field.replace('involvedObject', 'regarding').replace('reportingComponent', 'reportingController'),
      (object: EventsEvent) => value(toStored(object) as EventObject),
    ]),
  ),
  columns: eventKind.columns,
  row: (object, nowMs) => eventKind.row(toStored(object) as EventObject, nowMs),
  // The core group's Event always says what it is about.
  setDefaults(draft) {
    draft.regarding ??= {}
  },
  validate(object, problems, old) {
    // Events that came in by the core group need not have these.
    if (old !== undefined || object.eventTime === undefined) {
      if (old === undefined) problems.required('eventTime')
      return
    }
    const {
      reportingController = '',
      reportingInstance = '',
      action = '',
      reason = '',
      type = '',
      note = '',
    } = object
    if (reportingController === '') problems.required('reportingController')
    else
      problems.invalidEach('reportingController', reportingController, labelKeyProblems(reportingController))
    const words = { reportingInstance, action, reason }
    for (const [field, word] of Object.entries(words)) {
      if (word === '') problems.required(field)
      if (word.length > MAX_WORD) problems.invalid(field, '', `can have at most ${MAX_WORD} characters`)
    }
    if (note.length > MAX_NOTE) problems.invalid('message', '', `can have at most ${MAX_NOTE} characters`)
    if (type !== 'Normal' && type !== 'Warning') problems.invalid('type', '', `has invalid value: ${type}`)
  },
  fromStored: object =>
    renamed(object, 'events.k8s.io/v1', new Map(RENAMED.map(([seen, stored]) => [stored, seen]))),
  toStored,
})

function toStored(object: KubeObject): KubeObject {
  return renamed(object, 'v1', new Map(RENAMED))
}

function renamed(object: KubeObject, apiVersion: string, names: ReadonlyMap<string, string>): KubeObject {
  const entries = Object.entries(object).map(([field, value]) => [names.get(field) ?? field, value])
  return { ...(Object.fromEntries(entries) as object), apiVersion } as KubeObject
}
