import { BowlineError, deepEqual, hasCode } from '../../../../base/index.ts'
import type { Engine } from '../engine/engine.ts'
import { assembleImageArchive, layerDigest } from './image-archive.ts'
import { assemblePauseProgram, type PauseArchitecture } from './pause-program.ts'
import { packTar } from './tar.ts'

/** The tag changes with the program, so that agents of different versions on one engine do not share an image. */
export const PAUSE_IMAGE = 'bowline.dev/pause:1'

/**
 * Makes sure that the engine has the sandbox image, and says its id. It is made in memory and loaded; nothing is pulled. A name is
 * anybody's to give, by a pod that has that image pulled or by hand: what has it must be what would be loaded, and is used by its id.
 */
export async function ensurePauseImage(engine: Engine): Promise<string> {
  const layer = packTar([{ path: 'pause', content: assemblePauseProgram(architectureOf(engine)) }])
  return (await findPauseImage(engine, layer)) ?? (await loadPauseImage(engine, layer))
}

async function loadPauseImage(engine: Engine, layer: Buffer): Promise<string> {
  const archive = assembleImageArchive({
    reference: PAUSE_IMAGE,
    architecture: architectureOf(engine),
    layer,
    entrypoint: [PROGRAM],
  })
  await loadImage(engine, PAUSE_IMAGE, archive)
  const id = await findPauseImage(engine, layer)
  if (id !== undefined) return id
  throw new BowlineError(
    'unavailable',
    `Cannot use the image ${PAUSE_IMAGE}: it is not what was loaded just now; does somebody else give images this name?`,
    { retryable: true },
  )
}

/** The id of what has the name; undefined when that is nothing, or something else. */
async function findPauseImage(engine: Engine, layer: Buffer): Promise<string | undefined> {
  try {
    const { Id, RootFS, Config } = await engine.call<ImageInspect>({
      method: 'GET',
      path: `/images/${PAUSE_IMAGE}/json`,
      action: `inspect the image ${PAUSE_IMAGE}`,
    })
    const isOurs =
      deepEqual(RootFS.Layers, [layerDigest(layer)]) &&
      deepEqual([...(Config.Entrypoint ?? []), ...(Config.Cmd ?? [])], [PROGRAM])
    return isOurs ? Id : undefined
  } catch (error) {
    if (hasCode(error, 'not-found')) return undefined
    throw error
  }
}

interface ImageInspect {
  readonly Id: string
  readonly RootFS: { readonly Layers?: readonly string[] | null }
  readonly Config: {
    readonly Entrypoint?: readonly string[] | null
    readonly Cmd?: readonly string[] | null
  }
}

const PROGRAM = '/pause'

/** Loads an archive made by `assembleImageArchive` under the reference that it names. */
export async function loadImage(engine: Engine, reference: string, archive: Buffer): Promise<void> {
  const action = `load the image ${reference}`
  const answer = await engine.call<unknown>({
    method: 'POST',
    path: '/images/load',
    query: { quiet: 1 },
    archive,
    action,
    timeoutMs: 120_000,
  })
  // The status is sent before the work is done: a failure is the last line of a successful answer.
  const text = Buffer.isBuffer(answer) ? answer.toString() : JSON.stringify(answer ?? {})
  if (text.includes('"errorDetail"')) throw new BowlineError('internal', `Cannot ${action}: ${text.trim()}`)
}

/** As image configurations name it. */
export function architectureOf(engine: Engine): PauseArchitecture {
  const { architecture } = engine.version
  if (architecture === 'amd64' || architecture === 'arm64') return architecture
  throw new BowlineError(
    'unsupported',
    `Cannot make the sandbox image: the engine's architecture is ${architecture}, only amd64 and arm64 are known`,
  )
}
