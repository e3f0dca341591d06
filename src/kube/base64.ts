const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
/** Whole groups of four, the last one perhaps padded; line ends may stand anywhere, as Go's decoder allows. */
const GROUPS = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/** The standard base64 of a text's UTF-8 bytes. */
export function encodeBase64(text: string): string {
  const bytes = new TextEncoder().encode(text)
  let encoded = ''
  for (let at = 0; at < bytes.length; at += 3) {
    const [first = 0, second, third] = bytes.subarray(at, at + 3)
    const bits = (first << 16) | ((second ?? 0) << 8) | (third ?? 0)
    encoded += ALPHABET.charAt(bits >> 18) + ALPHABET.charAt((bits >> 12) & 63)
    encoded += second === undefined ? '=' : ALPHABET.charAt((bits >> 6) & 63)
    encoded += third === undefined ? '=' : ALPHABET.charAt(bits & 63)
  }
  return encoded
}

/** Whether a text is standard base64. */
export function isBase64(text: string): boolean {
  return GROUPS.test(text.includes('\n') || text.includes('\r') ? text.replaceAll(/[\r\n]/g, '') : text)
}
