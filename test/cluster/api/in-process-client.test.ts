import { describeClient } from '../../client/conformance.ts'
import { startTestApi } from './test-api.ts'

describeClient('createInProcessClient()', async () => {
  const api = await startTestApi({ eventWindow: 16 })
  return {
    client: api.client,
    compact: () => api.store.compact(api.store.revision),
    close: () => api.close(),
  }
})
