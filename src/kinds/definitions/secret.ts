import type { Secret } from '../../kube/generated/types.ts'
import { foldStringData, Kinds, SERVICE_ACCOUNT_NAME, SERVICE_ACCOUNT_TOKEN } from '../../kube/index.ts'
import { ageColumn, ageOf, nameColumn, nameOf, numberColumn, textColumn } from '../table/columns.ts'
import { validateConfigData } from '../validation/config-data.ts'
import type { Problems } from '../validation/problems.ts'
import { type Draft, defineKind, type KindDefinition } from './definition.ts'

/** The keys that a type promises to those who read the Secret. */
const REQUIRED_KEYS: Readonly<Record<string, readonly string[]>> = {
  'kubernetes.io/dockercfg': ['.dockercfg'],
  'kubernetes.io/dockerconfigjson': ['.dockerconfigjson'],
  'kubernetes.io/ssh-auth': ['ssh-privatekey'],
  'kubernetes.io/tls': ['tls.crt', 'tls.key'],
}

export const secretKind: KindDefinition<Secret> = defineKind(Kinds.Secret, {
  definition: 'io.k8s.api.core.v1.Secret',
  selectable: { type: object => object.type ?? '' },
  columns: [
    nameColumn,
    textColumn('Type', 'What the Secret is for.'),
    numberColumn('Data', 'Number of keys.'),
    ageColumn,
  ],
  row: (object, nowMs) => [
    nameOf(object),
    object.type ?? '',
    Object.keys(object.data ?? {}).length,
    ageOf(object, nowMs),
  ],
  setDefaults: storeStringData,
  validate(object, problems, old) {
    validateConfigData(object, { data: 'base64' }, problems, old)
    requireKeys(object, problems)
    if (old !== undefined && object.type !== old.type)
      problems.invalid('type', object.type, 'field is immutable')
  },
})

/** `stringData` is only a way to write `data`: it wins over it and is never stored. */
function storeStringData(draft: Draft<Secret>): void {
  const { stringData } = draft
  if (stringData === undefined) return
  draft.data = foldStringData(draft.data, stringData) as Draft<Secret>['data']
  delete draft.stringData
}

function requireKeys(object: Draft<Secret>, problems: Problems): void {
  const { type = '', data = {} } = object
  const keys = Object.hasOwn(REQUIRED_KEYS, type) ? (REQUIRED_KEYS[type] as readonly string[]) : []
  for (const key of keys) if (!Object.hasOwn(data, key)) problems.required(`data[${key}]`)
  if (type === SERVICE_ACCOUNT_TOKEN && !object.metadata?.annotations?.[SERVICE_ACCOUNT_NAME])
    problems.required(`metadata.annotations[${SERVICE_ACCOUNT_NAME}]`)
  if (
    type === 'kubernetes.io/basic-auth' &&
    !Object.hasOwn(data, 'username') &&
    !Object.hasOwn(data, 'password')
  ) {
    problems.required('data[username]')
    problems.required('data[password]')
  }
}
