import { type ParsedManifests, type ParsedProblem, parseManifestText, yamlLimits } from '../../kube/index.ts'

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The text of a file, or undefined when it is not UTF-8. */
export function decodeText(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}

/** Parses the bytes of one file. Never throws; equal bytes have equal results, whatever the file is called. */
export function parseBlob(bytes: Uint8Array): ParsedManifests {
  if (bytes.byteLength > yamlLimits.bytes) return fileProblem(tooLarge())
  const text = decodeText(bytes)
  if (text === undefined)
    return fileProblem({
      line: 1,
      column: 1,
      code: 'bad-encoding',
      message: 'the file is not UTF-8 text',
      hint: 'save it as UTF-8, or give it another ending than .yaml, .yml or .json',
    })
  return parseManifestText(text)
}

/** A file that was not parsed, and why. */
export function fileProblem(problem: ParsedProblem): ParsedManifests {
  return { manifests: [], problems: [problem] }
}

export function tooLarge(): ParsedProblem {
  return {
    line: 1,
    column: 1,
    code: 'file-too-large',
    message: `the file is larger than ${yamlLimits.bytes / 1024} KiB`,
    hint: 'split it into several files',
  }
}
