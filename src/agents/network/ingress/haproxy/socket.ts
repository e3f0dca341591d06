import { open } from 'node:fs/promises'
import { createConnection, type Socket } from 'node:net'
import { basename, dirname } from 'node:path'
import { BowlineError } from '../../../../base/index.ts'
import type { Command } from './commands.ts'

/** What one command may be long, under the proxy's buffer. */
const MAX_PAYLOAD = 12_000
const ANSWER_MS = 10_000
/** An address of the kernel holds no more. */
const MAX_PATH = 100

/**
 * Says one command to a proxy's socket and gives its answer. One connection per command, as the proxy's own tools do: it closes when
 * the answer is complete.
 */
export async function ask(path: string, line: string, payload?: string): Promise<string> {
  const text = payload === undefined ? `${line}\n` : `${line} <<\n${payload.trimEnd()}\n\n`
  const { socket, release } = await connect(path)
  try {
    return await new Promise((resolve, reject) => {
      let answer = ''
      socket.setEncoding('utf8')
      socket.on('timeout', () => socket.destroy(unanswered(line)))
      socket.on('data', (chunk: string) => {
        answer += chunk
      })
      socket.on('error', reject)
      socket.on('close', () => resolve(answer))
      // The master answers and waits for more, unless it hears that there is no more.
      socket.end(text)
    })
  } finally {
    socket.destroy()
    await release()
  }
}

/** Carries commands out in order. An answer says too little to go by: whoever calls looks at the state that came of it. */
export async function carryOut(path: string, commands: readonly Command[]): Promise<void> {
  for (const command of commands) {
    if (command.type === 'say') await ask(path, command.line, command.payload)
    else await replaceMap(path, command.name, command.text)
  }
}

async function replaceMap(path: string, name: string, text: string): Promise<void> {
  const version = /New version created: (\d+)/.exec(await ask(path, `prepare map ${name}`))?.[1]
  if (version === undefined)
    throw new BowlineError('internal', `Cannot replace ${name}: the proxy gave no version`)
  for (const chunk of chunksOf(text)) await ask(path, `add map @${version} ${name}`, chunk)
  await ask(path, `commit map @${version} ${name}`)
}

function* chunksOf(text: string): Generator<string> {
  let chunk = ''
  for (const line of text.split('\n')) {
    if (line === '') continue
    if (chunk.length + line.length > MAX_PAYLOAD && chunk !== '') {
      yield chunk
      chunk = ''
    }
    chunk += `${line}\n`
  }
  if (chunk !== '') yield chunk
}

/** Calls `onEnd` when whoever listens at `path` is gone. Returns the function that stops watching. */
export async function watchEnd(path: string, onEnd: () => void): Promise<() => void> {
  const { socket, release } = await connect(path)
  socket.on('error', () => undefined)
  socket.on('close', onEnd)
  socket.resume()
  socket.unref()
  await release()
  return () => {
    socket.off('close', onEnd)
    socket.destroy()
  }
}

/** A folder may lie deeper than an address can say: then it is named by an open descriptor. */
async function connect(path: string): Promise<{ readonly socket: Socket; release(): Promise<void> }> {
  const folder = path.length > MAX_PATH ? await open(dirname(path), 'r') : undefined
  const release = async () => folder?.close()
  const place = folder === undefined ? path : `/proc/self/fd/${folder.fd}/${basename(path)}`
  const socket = createConnection({ path: place, timeout: ANSWER_MS })
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
  } catch (error) {
    await release()
    throw error
  }
  return { socket, release }
}

function unanswered(line: string): BowlineError {
  const [verb = ''] = line.split(' ')
  return new BowlineError('timeout', `Cannot ${verb} in the proxy: it does not answer`, { retryable: true })
}
