import { isObject } from '../../base/index.ts'
import type { KubeObject } from '../../kube/index.ts'
import type { Schema } from '../schema/schema.ts'
import { compareFields } from './compare-fields.ts'
import { differenceOf, type FieldSet, NO_FIELDS, unionOf } from './field-set.ts'
import { declaredFields } from './object-fields.ts'

/** Where client-side apply keeps what it applied last. */
export const LAST_APPLIED_ANNOTATION = 'kubectl.kubernetes.io/last-applied-configuration'

/** The one manager for which apiserver bridges client-side and server-side apply. */
const KUBECTL = 'kubectl'

/** Upstream's limit for all annotations of an object, in bytes; a longer text is left out. */
const MAX_ANNOTATIONS = 256 * 1024

/**
 * The fields that client-side apply declared last and that still have the value it gave them: kubectl may take them over without
 * a conflict when its user turns to server-side apply (apimachinery `lastAppliedManager`).
 */
export function clientSideApplied(schema: Schema, live: KubeObject, manager: string): FieldSet {
  if (manager !== KUBECTL) return NO_FIELDS
  const text = live.metadata.annotations?.[LAST_APPLIED_ANNOTATION]
  const applied = text === undefined ? undefined : parseObject(text)
  if (applied === undefined) return NO_FIELDS
  try {
    const { added, modified, removed } = compareFields(schema, applied, live)
    return differenceOf(declaredFields(schema, applied), unionOf(unionOf(added, modified), removed))
  } catch {
    // The annotation is anybody's text; one that no manager could have applied allows nothing.
    return NO_FIELDS
  }
}

/**
 * The outcome of an apply by kubectl, with the annotation of client-side apply brought up to date where the object has it, so
 * that its user can go back (apimachinery `lastAppliedUpdater`). Nobody owns the annotation for that.
 */
export function withLastApplied(object: KubeObject, applied: KubeObject, manager: string): KubeObject {
  const { annotations = {} } = object.metadata
  const before = annotations[LAST_APPLIED_ANNOTATION]
  if (manager !== KUBECTL || before === undefined) return object
  const text = lastAppliedText(applied)
  if (text === before) return object
  const { [LAST_APPLIED_ANNOTATION]: _, ...others } = annotations
  const updated = text.length > MAX_ANNOTATIONS ? others : { ...others, [LAST_APPLIED_ANNOTATION]: text }
  return { ...object, metadata: { ...object.metadata, annotations: updated } }
}

function lastAppliedText(applied: KubeObject): string {
  const { managedFields: _, annotations, ...metadata } = applied.metadata
  if (annotations === undefined) return `${JSON.stringify({ ...applied, metadata })}\n`
  const { [LAST_APPLIED_ANNOTATION]: __, ...own } = annotations
  return `${JSON.stringify({ ...applied, metadata: { ...metadata, annotations: own } })}\n`
}

function parseObject(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}
