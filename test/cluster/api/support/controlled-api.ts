import { silentLogger, systemClock, systemIds } from '../../../../src/base/index.ts'
import { Informers } from '../../../../src/client/index.ts'
import { startControllers } from '../../../../src/cluster/controllers/index.ts'
import { startTestApi, type TestApi, type TestApiOptions } from './api-server.ts'

/** An API server with the controllers, so that what is asked of it also happens. */
export async function startControlledApi(options: TestApiOptions = {}): Promise<TestApi> {
  const api = await startTestApi(options)
  const stop = new AbortController()
  const context = { client: api.client, clock: systemClock, ids: systemIds, log: options.log ?? silentLogger }
  const informers = new Informers(context)
  const running = [
    startControllers({ ...context, informers }).start(stop.signal),
    informers.start(stop.signal),
  ]
  return {
    ...api,
    async close() {
      stop.abort()
      await Promise.all(running)
      await api.close()
    },
  }
}
