import { hasCode } from '../../../base/index.ts'
import type { RuntimeVolumes } from '../runtime.ts'
import type { Engine } from './engine/engine.ts'

/** The engine's named volumes. */
export function engineVolumes(engine: Engine): RuntimeVolumes {
  return {
    async exists(name) {
      try {
        await engine.call({
          method: 'GET',
          path: `/volumes/${encodeURIComponent(name)}`,
          action: `look at volume ${name}`,
        })
        return true
      } catch (error) {
        if (hasCode(error, 'not-found')) return false
        throw error
      }
    },
    async create(name, options) {
      await engine.call({
        method: 'POST',
        path: '/volumes/create',
        body: { Name: name, Driver: 'local', DriverOpts: options },
        action: `create volume ${name}`,
      })
    },
  }
}
