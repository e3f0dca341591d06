import type { Namespace } from '../../kube/generated/types.ts'
import { Kinds } from '../../kube/index.ts'
import { ageColumn, ageOf, nameColumn, nameOf, textColumn } from '../table/columns.ts'
import { defineKind, type KindDefinition } from './definition.ts'

/** The label by which selectors find a namespace by its name. */
const NAME_LABEL = 'kubernetes.io/metadata.name'

export const namespaceKind: KindDefinition<Namespace> = defineKind(Kinds.Namespace, {
  definition: 'io.k8s.api.core.v1.Namespace',
  nameRule: 'label',
  selectable: { 'status.phase': object => object.status?.phase ?? '' },
  columns: [
    nameColumn,
    textColumn('Status', 'Active, or Terminating while its objects are deleted.'),
    ageColumn,
  ],
  row: (object, nowMs) => [nameOf(object), object.status?.phase ?? '', ageOf(object, nowMs)],
  setDefaults(draft) {
    const name = draft.metadata?.name
    if (draft.metadata === undefined || name === undefined || name === '') return
    draft.metadata.labels = { ...draft.metadata.labels, [NAME_LABEL]: name }
  },
  validate(object, problems, old) {
    const { phase } = object.status ?? {}
    if (old === undefined || phase === old.status?.phase) return
    // Into one that ends nothing is made, by this word: who may write a status would end one without deleting it, or fill one that ends.
    const isEnding = object.metadata?.deletionTimestamp !== undefined
    const wanted = isEnding ? 'Terminating' : 'Active'
    if (phase === wanted) return
    const when = isEnding ? 'is not empty' : 'is empty'
    problems.invalid('status.Phase', phase, `may only be '${wanted}' if \`deletionTimestamp\` ${when}`)
  },
  prepareForCreate(draft) {
    draft.status = { phase: 'Active' }
    const finalizers = draft.spec?.finalizers ?? []
    if (!finalizers.includes('kubernetes'))
      draft.spec = { ...draft.spec, finalizers: [...finalizers, 'kubernetes'] }
  },
  prepareForUpdate(draft, old, subresource) {
    // Only `finalize` may take the finalizers away that keep a namespace until it is empty.
    const finalizers = subresource === 'finalize' ? draft.spec?.finalizers : old.spec?.finalizers
    draft.spec = { ...draft.spec, finalizers: [...(finalizers ?? [])] }
  },
})
