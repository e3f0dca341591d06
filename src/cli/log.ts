import { pino } from 'pino'
import { type Clock, type LogFields, type Logger, systemClock } from '../base/index.ts'
import { printableOutput } from './printable.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

/** Characters that wait to be written at most; what comes then is dropped. */
const MAX_UNWRITTEN = 1024 * 1024

/**
 * The log of a service, on stderr: lines for people on a terminal, else JSON lines through pino. A log that cannot be written (a full disk,
 * a reader that went away) is lost and stops nothing.
 */
export function createLogger(level: LogLevel): Logger {
  const { stderr } = process
  if (stderr.isTTY)
    return createTextLog({ level, clock: systemClock, write: line => void stderr.write(line) })
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

export interface TextLogOptions {
  readonly level: LogLevel
  readonly clock: Pick<Clock, 'now'>
  readonly write: (line: string) => void
}

/**
 * A line for each message that is at least of the level, its time in UTC:
 * `21:04:12Z  warn   the tunnel is not open  server=https://127.0.0.1:6443`.
 */
export function createTextLog(options: TextLogOptions, context: LogFields = {}): Logger {
  const { level, clock, write } = options
  const logAt =
    (at: LogLevel) =>
    (message: string, fields: LogFields = {}): void => {
      if (LEVELS.indexOf(at) < LEVELS.indexOf(level)) return
      const time = `${new Date(clock.now()).toISOString().slice(11, 19)}Z`
      const told = Object.entries({ ...context, ...fields }).flatMap(([name, value]) =>
        value === undefined ? [] : `${name}=${valueText(value)}`,
      )
      write(`${printableOutput([time, at.padEnd(5), message, ...told].join('  '), false)}\n`)
    }
  return {
    debug: logAt('debug'),
    info: logAt('info'),
    warn: logAt('warn'),
    error: logAt('error'),
    with: fields => createTextLog(options, { ...context, ...fields }),
  }
}

/** Text as it is, but for what could be taken for the next field. */
function valueText(value: unknown): string {
  return typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value)
}
