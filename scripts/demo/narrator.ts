import { durationText } from '../../src/cli/duration-text.ts'
import { createTerminal } from '../../src/cli/terminal.ts'
import { BrokenClaim } from './claim.ts'

/** Tells the story: colour and live progress on a terminal, plain lines otherwise. */
export interface Narrator {
  chapter(title: string): void
  say(text: string): void
  /** A command that is about to run, as a person would type it. */
  command(text: string): void
  /** Prints what came true; throws {@link BrokenClaim} for what did not. */
  claim(isTrue: boolean, text: string, took?: number): void
  /** What is being waited for; replaced by whatever is printed next. */
  progress(text: string): void
  failure(text: string): void
}

export function createNarrator(): Narrator {
  const terminal = createTerminal({
    stdout: process.stdout,
    stderr: process.stderr,
    noColor: (process.env.NO_COLOR ?? '') !== '',
  })
  const { print, paint } = terminal
  let chapters = 0
  return {
    chapter(title) {
      chapters += 1
      print(`\n${paint('bold', `${chapters}  ${title}`)}`)
    },
    say: text => print(`  ${text}`),
    command: text => print(`${paint('cyan', '$')} ${paint('bold', text)}`),
    claim(isTrue, text, took) {
      if (!isTrue) throw new BrokenClaim(text)
      print(
        `  ${paint('green', '✓')} ${text}${took === undefined ? '' : paint('gray', `   ${durationText(took)}`)}`,
      )
    },
    progress: text => terminal.progress([paint('gray', `  … ${text}`)]),
    failure: text => print(`\n${paint('red', '✗')} ${text}`),
  }
}
