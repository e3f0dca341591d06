import type { Problems } from './problems.ts'

const MODES = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod']
const VOLUME_MODES = ['Block', 'Filesystem']

/** How a volume or a claim may be mounted. */
export function validateAccessModes(
  modes: readonly string[] | undefined,
  missing: string,
  problems: Problems,
): void {
  const path = 'spec.accessModes'
  if (modes === undefined || modes.length === 0) return problems.required(path, missing)
  for (const mode of modes) if (!MODES.includes(mode)) problems.notSupported(path, mode, MODES)
  const isForOnePod = modes.includes('ReadWriteOncePod')
  if (isForOnePod && modes.some(mode => mode !== 'ReadWriteOncePod'))
    problems.forbidden(path, 'may not use ReadWriteOncePod with other access modes')
}

export function validateVolumeMode(mode: string | undefined, problems: Problems): void {
  if (mode !== undefined && !VOLUME_MODES.includes(mode))
    problems.notSupported('spec.volumeMode', mode, VOLUME_MODES)
}
