/**
 * A text without all of one character at its end. In one pass: an expression such as `/\/+$/` tries every place of a text of slashes, which
 * for a megabyte of them takes minutes.
 */
export function withoutTrailing(text: string, character: string): string {
  let end = text.length
  while (end > 0 && text[end - 1] === character) end -= 1
  return text.slice(0, end)
}
