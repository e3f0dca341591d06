import { RE2JS } from '@bufbuild/re2'

/**
 * Regular expressions of users. They are RE2's, as upstream's: matching takes time linear in the text whatever the expression, so that
 * none can hold the process up.
 */
export interface Pattern {
  /** Whether a part of the text matches. */
  find(text: string): boolean
}

/** The expression, or why it is none. */
export function compilePattern(source: string): Pattern | { readonly problem: string } {
  try {
    const compiled = RE2JS.compile(source)
    return { find: text => compiled.test(text) }
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) }
  }
}
