import { deepEqual } from '../../base/index.ts'
import type { StorageClass } from '../../kube/generated/types.ts'
import { labelKeyProblems } from '../../kube/index.ts'
import type { Draft } from '../definitions/definition.ts'
import type { Problems } from './problems.ts'

const MAX_PARAMETERS = 512
const MAX_PARAMETER_BYTES = 256 * 1024

/** kubernetes `ValidateStorageClass` and `ValidateStorageClassUpdate`: what volumes were made by never changes. */
export function validateStorageClass(
  object: Draft<StorageClass>,
  problems: Problems,
  old: StorageClass | undefined,
): void {
  const { provisioner, parameters = {} } = object
  if (provisioner === '') problems.required('provisioner')
  else if (provisioner !== undefined)
    problems.invalidEach('provisioner', provisioner, labelKeyProblems(provisioner.toLowerCase()))
  validateParameters(parameters, problems)
  object.allowedTopologies?.forEach(({ matchLabelExpressions = [] }, index) => {
    const keys = new Set<string>()
    matchLabelExpressions.forEach(({ key = '', values = [] }, number) => {
      const at = `allowedTopologies[${index}].matchLabelExpressions[${number}]`
      if (values.length === 0) problems.required(`${at}.values`)
      problems.invalidEach(`${at}.key`, key, labelKeyProblems(key))
      if (keys.has(key)) problems.duplicate(`${at}.key`, key)
      keys.add(key)
    })
  })
  if (old === undefined) return
  for (const field of ['parameters', 'provisioner', 'reclaimPolicy'] as const)
    if (!deepEqual(object[field], old[field])) problems.forbidden(field, `updates to ${field} are forbidden.`)
  if (object.volumeBindingMode !== old.volumeBindingMode)
    problems.invalid('volumeBindingMode', object.volumeBindingMode, 'field is immutable')
}

function validateParameters(
  parameters: { readonly [key: string]: string | undefined },
  problems: Problems,
): void {
  const entries = Object.entries(parameters)
  if (entries.length > MAX_PARAMETERS) {
    problems.tooLong('parameters', MAX_PARAMETERS)
    return
  }
  if (Object.hasOwn(parameters, '')) problems.invalid('parameters', '', 'field can not be empty.')
  const size = entries.reduce((sum, [key, value = '']) => sum + key.length + value.length, 0)
  if (size > MAX_PARAMETER_BYTES) problems.tooLong('parameters', MAX_PARAMETER_BYTES)
}
