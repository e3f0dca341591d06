import { durationText, timestampText } from './format-text.ts'
import type { Definitions } from './library.ts'

const DURATION = 'google.protobuf.Duration'
const TIMESTAMP = 'google.protobuf.Timestamp'

/** Conversions of the language's standard that its library lacks. */
export function defineConversions({ define }: Definitions): void {
  define(`string(${DURATION}): string`, durationText)
  define(`string(${TIMESTAMP}): string`, timestampText)
  define(`int(${TIMESTAMP}): int`, (time: Date) => BigInt(Math.floor(time.getTime() / 1_000)))
  define(`duration(${DURATION}): ${DURATION}`, (value: unknown) => value)
  define(`timestamp(${TIMESTAMP}): ${TIMESTAMP}`, (value: unknown) => value)
}
