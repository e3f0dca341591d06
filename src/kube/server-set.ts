/** The fields of `metadata` that only the server writes: nobody owns them, and a client's values for them mean nothing. */
export const SERVER_SET_METADATA: ReadonlySet<string> = new Set([
  'creationTimestamp',
  'deletionGracePeriodSeconds',
  'deletionTimestamp',
  'generation',
  'managedFields',
  'resourceVersion',
  'selfLink',
  'uid',
])
