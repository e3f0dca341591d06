/** Structured fields of a log line; never a secret. */
export type LogFields = Readonly<Record<string, unknown>>

/**
 * A constant message plus fields. Passed in, never global; `with` gives a child for one unit of work.
 * State transitions are logged once, where they are made; nobody logs and rethrows.
 */
export interface Logger {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
  with(fields: LogFields): Logger
}

/** Drops everything; for tests and tools that report otherwise. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  with: () => silentLogger,
}
