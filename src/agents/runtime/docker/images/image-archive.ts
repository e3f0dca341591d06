import { createHash } from 'node:crypto'
import { packTar } from './tar.ts'

export interface ImageDescription {
  /** `name:tag`. */
  readonly reference: string
  /** As OCI names it: `amd64`, `arm64`. */
  readonly architecture: string
  /** The root file system as an archive. */
  readonly layer: Buffer
  readonly entrypoint?: readonly string[]
  readonly command?: readonly string[]
  readonly env?: readonly string[]
}

/**
 * An image in the form that `docker load` reads. The same description gives the same bytes and so the same image id,
 * whoever loads it and how often.
 */
export function assembleImageArchive(image: ImageDescription): Buffer {
  const config = Buffer.from(
    JSON.stringify({
      architecture: image.architecture,
      os: 'linux',
      created: '1970-01-01T00:00:00Z',
      config: {
        Env: image.env ?? [],
        ...(image.entrypoint && { Entrypoint: image.entrypoint }),
        ...(image.command && { Cmd: image.command }),
      },
      rootfs: { type: 'layers', diff_ids: [layerDigest(image.layer)] },
      history: [{ created: '1970-01-01T00:00:00Z', created_by: 'bowline' }],
    }),
  )
  const configPath = `${sha256(config)}.json`
  const manifest = [{ Config: configPath, RepoTags: [image.reference], Layers: ['layer.tar'] }]
  return packTar([
    { path: configPath, content: config, mode: 0o644 },
    { path: 'layer.tar', content: image.layer, mode: 0o644 },
    { path: 'manifest.json', content: Buffer.from(JSON.stringify(manifest)), mode: 0o644 },
  ])
}

/** As an image names its layers. */
export function layerDigest(layer: Buffer): string {
  return `sha256:${sha256(layer)}`
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
