import { dnsSubdomainProblems } from '../../kube/index.ts'
import type { Problems } from './problems.ts'

/** kubernetes `ValidateCSIDriverName`. */
export function validateDriverName(name: string, path: string, problems: Problems): void {
  if (name === '') return problems.required(path)
  if (name.length > 63) problems.tooLong(path, 63)
  problems.invalidEach(path, name, dnsSubdomainProblems(name.toLowerCase()))
}
