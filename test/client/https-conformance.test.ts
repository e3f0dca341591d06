import { systemClock } from '../../src/base/index.ts'
import { createHttpsClient } from '../../src/client/index.ts'
import { startTestApi } from '../cluster/api/support/api-server.ts'
import { describeClient } from './conformance.ts'

describeClient('createHttpsClient() against the API server', async () => {
  const api = await startTestApi({ eventWindow: 16 })
  const client = createHttpsClient({
    server: api.url,
    ca: api.authority.certificate,
    credentials: { certificate: api.admin.cert, key: api.admin.key },
    userAgent: 'bowline-test/1',
    fieldManager: 'test',
    clock: systemClock,
  })
  return {
    client,
    compact: () => api.store.compact(api.store.revision),
    async close() {
      await client.close()
      await api.close()
    },
  }
})
