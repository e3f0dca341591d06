import type { MutatingWebhookConfiguration, ValidatingWebhookConfiguration } from '../generated/types.ts'
import { ageColumn, ageOf, nameColumn, nameOf, numberColumn } from '../table/columns.ts'
import { ADMISSION_GROUP, validateWebhooks } from '../validation/admission-registration.ts'
import { defineKind, type KindDefinition } from './definition.ts'

const columns = [nameColumn, numberColumn('Webhooks', 'How many webhooks it registers.'), ageColumn]
const inert = 'no webhook is called'

export const mutatingWebhookConfigurationKind: KindDefinition<MutatingWebhookConfiguration> =
  defineKind<MutatingWebhookConfiguration>({
    group: ADMISSION_GROUP,
    kind: 'MutatingWebhookConfiguration',
    definition: 'io.k8s.api.admissionregistration.v1.MutatingWebhookConfiguration',
    inert,
    namespaced: false,
    generation: 'spec',
    columns,
    row: (object, nowMs) => [nameOf(object), object.webhooks?.length ?? 0, ageOf(object, nowMs)],
    validate: ({ webhooks }, problems) => validateWebhooks(webhooks ?? [], problems),
  })

export const validatingWebhookConfigurationKind: KindDefinition<ValidatingWebhookConfiguration> =
  defineKind<ValidatingWebhookConfiguration>({
    group: ADMISSION_GROUP,
    kind: 'ValidatingWebhookConfiguration',
    definition: 'io.k8s.api.admissionregistration.v1.ValidatingWebhookConfiguration',
    inert,
    namespaced: false,
    generation: 'spec',
    columns,
    row: (object, nowMs) => [nameOf(object), object.webhooks?.length ?? 0, ageOf(object, nowMs)],
    validate: ({ webhooks }, problems) => validateWebhooks(webhooks ?? [], problems),
  })
