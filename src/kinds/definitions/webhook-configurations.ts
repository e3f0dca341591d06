import type {
  MutatingWebhookConfiguration,
  ValidatingWebhookConfiguration,
} from '../../kube/generated/types.ts'
import { Kinds } from '../../kube/index.ts'
import { ageColumn, ageOf, nameColumn, nameOf, numberColumn } from '../table/columns.ts'
import { validateWebhooks } from '../validation/admission-registration.ts'
import { defineKind, type KindDefinition } from './definition.ts'

const columns = [nameColumn, numberColumn('Webhooks', 'How many webhooks it registers.'), ageColumn]
const inert = 'no webhook is called'

export const mutatingWebhookConfigurationKind: KindDefinition<MutatingWebhookConfiguration> = defineKind(
  Kinds.MutatingWebhookConfiguration,
  {
    definition: 'io.k8s.api.admissionregistration.v1.MutatingWebhookConfiguration',
    inert,
    generation: 'spec',
    columns,
    row: (object, nowMs) => [nameOf(object), object.webhooks?.length ?? 0, ageOf(object, nowMs)],
    validate: ({ webhooks }, problems) => validateWebhooks(webhooks ?? [], problems),
  },
)

export const validatingWebhookConfigurationKind: KindDefinition<ValidatingWebhookConfiguration> = defineKind(
  Kinds.ValidatingWebhookConfiguration,
  {
    definition: 'io.k8s.api.admissionregistration.v1.ValidatingWebhookConfiguration',
    inert,
    generation: 'spec',
    columns,
    row: (object, nowMs) => [nameOf(object), object.webhooks?.length ?? 0, ageOf(object, nowMs)],
    validate: ({ webhooks }, problems) => validateWebhooks(webhooks ?? [], problems),
  },
)
