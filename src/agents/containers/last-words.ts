import { open } from 'node:fs/promises'
import type { Container } from '../../kube/index.ts'
import type { ContainerStatus, Runtime } from '../runtime/index.ts'

/** core/v1 `types.go`: the file counts up to 4,096 bytes, the log that stands in for it up to 2,048 bytes or 80 lines. */
const MAX_FILE_BYTES = 4096
const MAX_LOG_BYTES = 2048
const MAX_LOG_LINES = 80

/** Where a container finds its message file unless it says otherwise. */
export const DEFAULT_MESSAGE_PATH = '/dev/termination-log'

/**
 * What an ended container left as its termination message: the end of its message file, or, where the pod asks for it and the
 * container failed without one, the end of its log. Empty when there is nothing; never throws.
 */
export async function readLastWords(
  runtime: Runtime,
  spec: Container,
  container: ContainerStatus,
  file: string,
  signal: AbortSignal,
): Promise<string> {
  try {
    const message = await readEnd(file)
    if (message !== '' || spec.terminationMessagePolicy !== 'FallbackToLogsOnError') return message
    if ((container.exitCode ?? 0) === 0) return ''
    return await readLogEnd(runtime, container.id, signal)
  } catch {
    return ''
  }
}

async function readEnd(file: string): Promise<string> {
  const handle = await open(file, 'r').catch(() => undefined)
  if (handle === undefined) return ''
  try {
    const { size } = await handle.stat()
    const bytes = Buffer.alloc(Math.min(size, MAX_FILE_BYTES))
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, Math.max(0, size - bytes.length))
    return bytes.subarray(0, bytesRead).toString('utf8')
  } finally {
    await handle.close()
  }
}

async function readLogEnd(runtime: Runtime, id: string, signal: AbortSignal): Promise<string> {
  let text = ''
  for await (const line of runtime.logs(id, { follow: false, tailLines: MAX_LOG_LINES }, signal))
    text = (text + line.text).slice(-MAX_LOG_BYTES)
  return text
}
