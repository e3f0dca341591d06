import { findMessage } from '../../src/cluster/api/http/protobuf/messages.ts'

const SCALARS: ReadonlySet<string> = new Set(['bool', 'bytes', 'double', 'int', 'string'])

/**
 * The fields of a definition, such as `io.k8s.api.core.v1.PodSpec`, whose `false`, 0 or empty text upstream holds like their absence: what it
 * decodes them into has no other word for that, and does not write it. The table of protobuf fields knows them, which comes from those types.
 */
export function droppedZeros(definition: string): ReadonlySet<string> {
  return new Set(fieldsOf(definition.split('.').slice(-3).join('.')))
}

function fieldsOf(message: string): readonly string[] {
  return [...(findMessage(message)?.values() ?? [])].flatMap(({ name, type, shape, dropsZero }) => {
    if (name === '') return fieldsOf(type)
    return dropsZero && shape === 'single' && SCALARS.has(type) ? [name] : []
  })
}
