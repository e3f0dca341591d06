import { type Logger, messageOf } from '../base/index.ts'

/**
 * Logs failures of promises that nobody waits for, which would end the process otherwise. Each is a mistake of the program, but
 * one that concerns a single piece of work: everything here starts again from the state that it finds, and a server that ends for it
 * takes all other apps and hosts down with it. Returns the function that ends this.
 */
export function logLostPromises(log: Logger): () => void {
  function onLost(reason: unknown): void {
    const stack = reason instanceof Error ? reason.stack : undefined
    log.error('A failure was lost', {
      error: messageOf(reason),
      ...(stack === undefined ? {} : { stack }),
    })
  }
  process.on('unhandledRejection', onLost)
  return () => process.off('unhandledRejection', onLost)
}
