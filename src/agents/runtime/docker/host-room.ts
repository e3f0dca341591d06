import { hasCode } from '../../../base/index.ts'
import type { ContainerUsage, HostRoom, StoredImage } from '../runtime.ts'
import { workingSetBytes } from './cgroup-memory.ts'
import type { Engine } from './engine/engine.ts'
import { inspectAll, labelsOf, shortId } from './inspect.ts'
import { Labels, labelFilter, type Owner } from './names.ts'

/** What an engine keeps on its host. `isLocal`: its files can be seen from here. */
export function dockerHostRoom(engine: Engine, owner: Owner, isLocal: boolean): HostRoom {
  return {
    async imageFolder() {
      if (!isLocal) return undefined
      const action = 'ask the engine where its images lie'
      const info = await engine.call<{ DockerRootDir: string }>({ method: 'GET', path: '/info', action })
      return info.DockerRootDir
    },

    async listImages() {
      const images = await engine.call<readonly { Id: string; Size: number }[]>({
        method: 'GET',
        path: '/images/json',
        action: 'list images',
      })
      return images.map(({ Id, Size }): StoredImage => ({ id: Id, bytes: Size }))
    },

    async imagesInUse() {
      const containers = await engine.call<readonly { ImageID: string }[]>({
        method: 'GET',
        path: '/containers/json',
        query: { all: true },
        action: 'list the containers of everybody',
      })
      return new Set(containers.map(({ ImageID }) => ImageID))
    },

    async removeImage(id) {
      try {
        await engine.call({
          method: 'DELETE',
          path: `/images/${id}`,
          action: `remove the image ${shortId(id)}`,
        })
        return true
      } catch (error) {
        // Somebody uses it, or names it too.
        if (hasCode(error, 'conflict')) return false
        if (hasCode(error, 'not-found')) return true
        throw error
      }
    },

    async layerBytes(id) {
      try {
        const { SizeRw = 0 } = await engine.call<{ SizeRw?: number }>({
          method: 'GET',
          path: `/containers/${id}/json`,
          query: { size: true },
          action: `measure the container ${shortId(id)}`,
        })
        return SizeRw
      } catch (error) {
        if (hasCode(error, 'not-found')) return 0
        throw error
      }
    },

    async usage() {
      const [containers, layers] = await Promise.all([
        inspectAll(engine, owner, 'container'),
        // The engine walks the layers for it: asked only by who makes room.
        engine.call<readonly { Id: string; SizeRw?: number }[]>({
          method: 'GET',
          path: '/containers/json',
          query: {
            all: true,
            size: true,
            filters: labelFilter({ ...labelsOf(owner), [Labels.type]: 'container' }),
          },
          action: 'measure containers',
        }),
      ])
      const sizes = new Map(layers.map(({ Id, SizeRw = 0 }) => [Id, SizeRw]))
      const usage = new Map<string, ContainerUsage>()
      for (const { Id, State } of containers)
        usage.set(Id, {
          memoryBytes: State.Running ? await workingSetBytes(State.Pid) : 0,
          diskBytes: sizes.get(Id) ?? 0,
        })
      return usage
    },
  }
}
