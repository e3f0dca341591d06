import type { IngressClass } from '../../kube/generated/types.ts'
import { Kinds } from '../../kube/index.ts'
import { ageColumn, ageOf, nameColumn, nameOf, textColumn } from '../table/columns.ts'
import { validateIngressClass } from '../validation/ingress.ts'
import { defineKind, type KindDefinition } from './definition.ts'

export const ingressClassKind: KindDefinition<IngressClass> = defineKind(Kinds.IngressClass, {
  definition: 'io.k8s.api.networking.v1.IngressClass',
  generation: 'spec',
  columns: [
    nameColumn,
    textColumn('Controller', 'What serves the ingresses of this class.'),
    textColumn('Parameters', 'An object with more settings.'),
    ageColumn,
  ],
  row: (object, nowMs) => {
    const { controller = '', parameters } = object.spec ?? {}
    const group = parameters?.apiGroup === undefined ? '' : `.${parameters.apiGroup}`
    return [
      nameOf(object),
      controller,
      parameters === undefined ? '<none>' : `${parameters.kind}${group}/${parameters.name}`,
      ageOf(object, nowMs),
    ]
  },
  validate: validateIngressClass,
})
