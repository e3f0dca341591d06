import type { RecordObject } from '../../kube/generated/types.ts'
import { formatAge, Kinds } from '../../kube/index.ts'
import { ageColumn, ageOf, nameColumn, nameOf, textColumn } from '../table/columns.ts'
import { defineKind, type KindDefinition } from './definition.ts'

/** Records are read over the API and written by the audit layer alone. */
export const recordKind: KindDefinition<RecordObject> = defineKind(Kinds.Record, {
  definition: 'dev.bowline.v1alpha1.Record',
  selectable: {
    'spec.app': object => object.spec.app,
    'status.state': object => object.status?.state ?? 'Open',
  },
  columns: [
    nameColumn,
    textColumn('App', 'The app that was changed.'),
    textColumn('Commit', 'The commit that asked for it.'),
    textColumn('Author', 'Who wrote the commit.'),
    textColumn('Trigger', 'push, start, drift or retry.'),
    textColumn('State', 'Open, or how it ended.'),
    textColumn('Changes', 'Objects created, configured and deleted.'),
    textColumn('Duration', 'From the first write to the end.'),
    ageColumn,
  ],
  row(object, nowMs) {
    const { spec, status } = object
    const { create, configure, delete: deleted } = spec.plan.counts
    return [
      nameOf(object),
      spec.app,
      spec.commit.id.slice(0, 7),
      spec.commit.author.name,
      spec.trigger,
      status?.state ?? 'Open',
      `+${create} ~${configure} -${deleted}`,
      formatAge(status?.durationMs ?? nowMs - Date.parse(spec.openedAt)),
      ageOf(object, nowMs),
    ]
  },
})
