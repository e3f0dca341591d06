import { BowlineError, hasCode } from '../../../../base/index.ts'
import type { Engine } from '../engine/engine.ts'
import { assembleImageArchive } from './image-archive.ts'
import { assemblePauseProgram, type PauseArchitecture } from './pause-program.ts'
import { packTar } from './tar.ts'

/** The tag changes with the program, so that agents of different versions on one engine do not share an image. */
export const PAUSE_IMAGE = 'bowline.dev/pause:1'

/** Makes sure that the engine has the sandbox image. It is made in memory and loaded; nothing is pulled. */
export async function ensurePauseImage(engine: Engine): Promise<void> {
  try {
    await engine.call({
      method: 'GET',
      path: `/images/${PAUSE_IMAGE}/json`,
      action: `inspect the image ${PAUSE_IMAGE}`,
    })
  } catch (error) {
    if (!hasCode(error, 'not-found')) throw error
    await loadImage(engine, PAUSE_IMAGE, pauseArchive(architectureOf(engine)))
  }
}

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

function pauseArchive(architecture: PauseArchitecture): Buffer {
  const layer = packTar([{ path: 'pause', content: assemblePauseProgram(architecture) }])
  return assembleImageArchive({ reference: PAUSE_IMAGE, architecture, layer, entrypoint: ['/pause'] })
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
