import { isObject } from '../../../base/index.ts'
import { applyDefaults, findTypeProblems, findUnknownFields, undecodableError } from '../../../kinds/index.ts'
import { apiVersionOf, type Kind, type KubeObject } from '../../../kube/index.ts'
import type { MutationOptions } from '../contract.ts'
import { badRequest } from '../refusals.ts'

/**
 * The object that a request's body describes, defaulted, without unknown fields and nulls. A BadRequest for what is no object
 * of this kind, for values of the wrong type and, with `Strict`, for fields that the schema does not know; `Warn` warns of them.
 */
export function readBody(
  kind: Kind,
  body: unknown,
  validation: MutationOptions['fieldValidation'],
  warnings: string[],
): KubeObject {
  const object = asObjectOf(kind, body)
  const mismatches = findTypeProblems(kind, object)
  if (mismatches.length > 0) throw undecodableError(kind, mismatches)
  checkUnknown(kind, object, validation, warnings)
  return applyDefaults(kind, object)
}

/** The body as an object of the kind: what it leaves out of apiVersion, kind and metadata is filled in. */
export function asObjectOf(kind: Kind, body: unknown): KubeObject {
  if (!isObject(body)) throw badRequest(`the body must be a ${kind.kind} object`)
  const expected = apiVersionOf(kind)
  const { apiVersion = expected, kind: named = kind.kind, metadata = {}, ...rest } = body
  if (apiVersion !== expected)
    throw badRequest(
      `the API version in the data (${text(apiVersion)}) does not match the expected API version (${expected})`,
    )
  if (named !== kind.kind)
    throw badRequest(`the kind in the data (${text(named)}) does not match the expected kind (${kind.kind})`)
  if (!isObject(metadata)) throw badRequest('metadata must be an object')
  return { apiVersion: expected, kind: kind.kind, metadata, ...rest } as KubeObject
}

/** Refuses, reports or overlooks fields that the schema does not know. */
export function checkUnknown(
  kind: Kind,
  object: KubeObject,
  validation: MutationOptions['fieldValidation'],
  warnings: string[],
): void {
  if (validation === 'Ignore') return
  const paths = findUnknownFields(kind, object)
  if (paths.length === 0) return
  const texts = paths.map(path => `unknown field "${path}"`)
  if (validation === 'Strict')
    throw badRequest(
      `${kind.kind} in version ${JSON.stringify(kind.version)} cannot be handled as a ${kind.kind}: strict decoding error: ${texts.join(', ')}`,
    )
  warnings.push(...texts)
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
