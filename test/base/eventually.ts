/** What comes at once is seen at once; a look at what takes longer must not keep busy what is looked at. */
const FIRST_PAUSE_MS = 5
const LONGEST_PAUSE_MS = 50

/** Polls until `condition` gives a value that is not undefined or false; fails with `what` after the deadline. */
export async function eventually<T>(
  what: string,
  condition: () => T | undefined | false | Promise<T | undefined | false>,
  deadlineMs: number = 10_000,
): Promise<T> {
  const end = Date.now() + deadlineMs
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 1.3, LONGEST_PAUSE_MS)) {
    const value = await condition()
    if (value !== undefined && value !== false) return value
    if (Date.now() > end) throw new Error(`waited ${deadlineMs} ms for ${what}`)
    await new Promise(resolve => setTimeout(resolve, pause))
  }
}
