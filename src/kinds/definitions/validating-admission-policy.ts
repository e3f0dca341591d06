import type {
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from '../../kube/generated/types.ts'
import { formatLabelSelector, Kinds, labelSelectorFromObject } from '../../kube/index.ts'
import { ageColumn, ageOf, nameColumn, nameOf, numberColumn, textColumn } from '../table/columns.ts'
import { validatePolicy, validatePolicyBinding } from '../validation/admission-registration.ts'
import { defineKind, type KindDefinition } from './definition.ts'

export const validatingAdmissionPolicyKind: KindDefinition<ValidatingAdmissionPolicy> = defineKind(
  Kinds.ValidatingAdmissionPolicy,
  {
    definition: 'io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicy',
    generation: 'spec',
    columns: [
      nameColumn,
      numberColumn('Validations', 'How many expressions it has.'),
      textColumn('ParamKind', 'The kind of its parameters.'),
      ageColumn,
    ],
    row: (object, nowMs) => {
      const { validations = [], paramKind } = object.spec ?? {}
      return [
        nameOf(object),
        validations.length,
        paramKind === undefined ? '<unset>' : `${paramKind.apiVersion}/${paramKind.kind}`,
        ageOf(object, nowMs),
      ]
    },
    validate: validatePolicy,
  },
)

export const validatingAdmissionPolicyBindingKind: KindDefinition<ValidatingAdmissionPolicyBinding> =
  defineKind(Kinds.ValidatingAdmissionPolicyBinding, {
    definition: 'io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicyBinding',
    generation: 'spec',
    columns: [
      nameColumn,
      textColumn('PolicyName', 'The policy that it puts into force.'),
      textColumn('ParamRef', 'The parameters of the policy.'),
      ageColumn,
    ],
    row: (object, nowMs) => {
      const { policyName = '', paramRef } = object.spec ?? {}
      const { name, namespace = '*', selector } = paramRef ?? {}
      const parameters =
        selector === undefined ? '<unset>' : formatLabelSelector(labelSelectorFromObject(selector))
      return [nameOf(object), policyName, name ? `${namespace}/${name}` : parameters, ageOf(object, nowMs)]
    },
    validate: validatePolicyBinding,
  })
