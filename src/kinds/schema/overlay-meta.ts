import { atomicList, atomicMap, mergeList, type Overlay, setList } from './markers.ts'

/** `meta/v1`: object metadata, label selectors, `Status`, `DeleteOptions`. */
export const metaOverlay: Overlay = {
  ObjectMeta: {
    fields: {
      finalizers: { ...setList, 'x-kubernetes-patch-strategy': 'merge' },
      managedFields: atomicList,
      ownerReferences: mergeList('uid'),
    },
  },
  OwnerReference: { definition: atomicMap },
  ManagedFieldsEntry: {
    fields: { fieldsV1: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
  },
  LabelSelector: { definition: atomicMap, fields: { matchExpressions: atomicList } },
  LabelSelectorRequirement: { fields: { values: atomicList } },
  StatusDetails: { fields: { causes: atomicList } },
  DeleteOptions: { fields: { dryRun: atomicList } },
}
