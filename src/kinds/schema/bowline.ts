import { bowlineApp } from './bowline-app.ts'
import { bowlinePolicy } from './bowline-policy.ts'
import { bowlineRecord } from './bowline-record.ts'
import type { Schema } from './schema.ts'

/** Bowline's own kinds (`bowline.dev/v1alpha1`), by definition name. */
export const bowlineDefinitions: { readonly [name: string]: Schema } = {
  ...bowlineApp,
  ...bowlinePolicy,
  ...bowlineRecord,
}
