import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import Docker from 'dockerode'
import { detectEngine, ensureBusyboxImage } from '../../src/agents/runtime/index.ts'
import { messageOf } from '../../src/base/index.ts'

export type RuntimeWish = 'auto' | 'docker' | 'process'

/** Where the containers of the demo run. Plain data: a demo that stays is cleaned up by another process. */
export type Place =
  | { readonly runtime: 'process'; readonly why: string }
  | {
      readonly runtime: 'docker'
      readonly why: string
      readonly socketPath: string
      readonly image: string
      /** The demo made the image and removes it. */
      readonly ownsImage: boolean
    }

/** Where the engine of a machine listens when nobody says otherwise. */
export const USUAL_SOCKET = '/var/run/docker.sock'

/** What the example asks for, from Docker Hub. */
const EXAMPLE_IMAGE = 'busybox:1.36'

/**
 * Docker where an engine of this machine answers and an image is at hand or can be made here; host processes otherwise. Never
 * needs a network. `name` makes the image's tag this demo's own.
 */
export async function choosePlace(wish: RuntimeWish, name: string): Promise<Place> {
  if (wish === 'process') return { runtime: 'process', why: 'as asked' }
  const place = await dockerPlace(name)
  if (typeof place !== 'string') return place
  if (wish === 'docker') throw new Error(`Cannot use Docker: ${place}`)
  return { runtime: 'process', why: place }
}

/** A client of the engine, for what the story does behind Bowline's back. */
export function engineOf({ socketPath }: { readonly socketPath: string }): Docker {
  // Without the two, dockerode would take them from DOCKER_HOST.
  return new Docker({ socketPath, host: undefined, port: undefined } as unknown as Docker.DockerOptions)
}

/** Removes the image that the demo made. */
export async function removeImage(place: Place): Promise<void> {
  if (place.runtime !== 'docker' || !place.ownsImage) return
  await engineOf(place)
    .getImage(place.image)
    .remove()
    .catch((error: { readonly statusCode?: number }) => {
      if (error.statusCode !== 404) throw error
    })
}

/** The place, or why there is none. */
async function dockerPlace(name: string): Promise<Place | string> {
  const engine = await detectEngine(sockets())
  if (engine === undefined) return 'no container engine answers on its usual socket'
  const { socketPath, version } = engine
  const docker = engineOf(engine)
  const info = (await docker.info()) as {
    readonly OSType: string
    readonly OperatingSystem: string
    readonly SecurityOptions?: readonly string[]
  }
  if (process.platform !== 'linux' || info.OSType !== 'linux' || info.OperatingSystem === 'Docker Desktop')
    return 'this machine does not reach the addresses of its engine’s containers'
  if (info.SecurityOptions?.some(option => option.includes('rootless')))
    return 'this machine does not reach the addresses of a rootless engine’s containers'
  const known = await localBusybox(docker)
  if (known !== undefined)
    return {
      runtime: 'docker',
      why: `engine ${version}, image ${known}`,
      socketPath,
      image: known,
      ownsImage: false,
    }
  const image = `bowline-demo/busybox:${name.toLowerCase()}`
  let refusal = 'there is no static busybox to make one from (Debian and Ubuntu: busybox-static)'
  for (const busyboxPath of programs('busybox'))
    try {
      await ensureBusyboxImage({ socketPath, busyboxPath, reference: image })
      const why = `engine ${version}, image made from ${busyboxPath}`
      return { runtime: 'docker', why, socketPath, image, ownsImage: true }
    } catch (error) {
      refusal = messageOf(error)
    }
  return `the engine has no busybox image, and ${refusal}`
}

/** Where the engine of this machine usually listens. */
function sockets(): readonly string[] {
  const host = process.env.DOCKER_HOST
  if (host !== undefined) return host.startsWith('unix://') ? [host.slice('unix://'.length)] : []
  return [USUAL_SOCKET]
}

async function localBusybox(docker: Docker): Promise<string | undefined> {
  const images = await docker.listImages()
  const tags = images
    .flatMap(({ RepoTags }) => RepoTags ?? [])
    .filter(tag => /^(?:docker\.io\/(?:library\/)?)?busybox:/.test(tag))
  return tags.find(tag => tag === EXAMPLE_IMAGE) ?? tags[0]
}

/** Every program of this name that can be run, in the order of PATH. */
export function programs(name: string): readonly string[] {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin', '/usr/bin', '/bin']
  return [...new Set(folders)].map(folder => join(folder, name)).filter(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
