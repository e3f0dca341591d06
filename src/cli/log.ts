import { pino } from 'pino'
import type { LogFields, Logger } from '../base/index.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** Characters that wait to be written at most; what comes then is dropped. */
const MAX_UNWRITTEN = 1024 * 1024

/** JSON lines on stderr, through pino. A log that cannot be written (a full disk, a reader that went away) is lost and stops nothing. */
export function createLogger(level: LogLevel): Logger {
  const destination = pino.destination({ dest: 2, sync: true, maxLength: MAX_UNWRITTEN })
  destination.on('error', () => {})
  return wrap(pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination))
}

function wrap(logger: pino.Logger): Logger {
  return {
    debug: (message, fields = {}) => logger.debug(fields, message),
    info: (message, fields = {}) => logger.info(fields, message),
    warn: (message, fields = {}) => logger.warn(fields, message),
    error: (message, fields = {}) => logger.error(fields, message),
    with: (fields: LogFields) => wrap(logger.child(fields)),
  }
}
