import { atomicList, conditionStatus, kindOf, mapList, type Overlay } from './markers.ts'
import { refTo } from './ref.ts'
import type { Schema } from './schema.ts'

/** Any JSON; what it may be is checked with the schema that it is a part of. */
const anyValue: Schema = { 'x-kubernetes-preserve-unknown-fields': true }
const schemaProps: Schema = {
  $ref: refTo('io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps'),
}

/** `apiextensions.k8s.io`: definitions of kinds. */
export const customResourcesOverlay: Overlay = {
  CustomResourceDefinition: {
    definition: kindOf('apiextensions.k8s.io', 'v1', 'CustomResourceDefinition'),
  },
  CustomResourceDefinitionSpec: {
    fields: { scope: { enum: ['Cluster', 'Namespaced'] }, versions: atomicList },
  },
  CustomResourceDefinitionNames: { fields: { categories: atomicList, shortNames: atomicList } },
  CustomResourceDefinitionVersion: {
    fields: { additionalPrinterColumns: atomicList, selectableFields: atomicList },
  },
  CustomResourceDefinitionStatus: {
    fields: { conditions: mapList('type'), storedVersions: atomicList },
  },
  CustomResourceDefinitionCondition: { fields: { status: conditionStatus } },
  CustomResourceConversion: { fields: { strategy: { enum: ['None', 'Webhook'] } } },
  CustomResourceSubresources: {
    fields: { status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
  },
  WebhookConversion: { fields: { conversionReviewVersions: atomicList } },
  JSONSchemaProps: {
    fields: {
      additionalItems: anyValue,
      // A schema or a boolean; upstream's own types cannot say more either.
      additionalProperties: anyValue,
      allOf: atomicList,
      anyOf: atomicList,
      default: anyValue,
      dependencies: { type: 'object', additionalProperties: anyValue },
      enum: { ...atomicList, items: anyValue },
      example: anyValue,
      items: schemaProps,
      oneOf: atomicList,
      required: atomicList,
      'x-kubernetes-list-map-keys': atomicList,
      'x-kubernetes-validations': mapList('rule'),
    },
  },
}
