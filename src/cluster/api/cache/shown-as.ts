import { fromStored } from '../../../kinds/index.ts'
import type { Kind } from '../../../kube/index.ts'
import type { Entry, EntryEvent, EntryList } from '../contract.ts'
import { entryOf } from './stored-entry.ts'

const shown = new WeakMap<Entry, Map<Kind, Entry>>()

/** An entry as a kind shows it: itself, or, for a kind that shows another kind's objects, one that is made once for all readers. */
export function entryAs(kind: Kind, entry: Entry): Entry {
  if (kind.storedAs === undefined) return entry
  const forms = shown.get(entry) ?? new Map<Kind, Entry>()
  shown.set(entry, forms)
  const known = forms.get(kind)
  if (known !== undefined) return known
  const form = entryOf(fromStored(kind, entry.object))
  forms.set(kind, form)
  return form
}

export function listAs(kind: Kind, list: EntryList): EntryList {
  if (kind.storedAs === undefined) return list
  return { ...list, entries: list.entries.map(entry => entryAs(kind, entry)) }
}

export function eventsAs(kind: Kind, events: AsyncIterable<EntryEvent>): AsyncIterable<EntryEvent> {
  return kind.storedAs === undefined ? events : converted(kind, events)
}

async function* converted(kind: Kind, events: AsyncIterable<EntryEvent>): AsyncGenerator<EntryEvent> {
  // A bookmark was made for the kind that is watched.
  for await (const event of events)
    yield event.type === 'BOOKMARK' ? event : { ...event, entry: entryAs(kind, event.entry) }
}
