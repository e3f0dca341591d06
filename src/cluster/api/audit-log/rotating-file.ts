import { type FileHandle, mkdir, open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'

export interface RotatingFileLimits {
  /** A file that would become larger is put aside first. */
  readonly maxBytes: number
  /** Files that were put aside: `<path>.1` is the newest; the oldest is written over. */
  readonly kept: number
}

/** A file that is only appended to, for its owner alone, and never takes more room than its limits. One writer at a time. */
export class RotatingFile {
  readonly #path: string
  readonly #limits: RotatingFileLimits
  #file: FileHandle | undefined
  #size = 0

  constructor(path: string, limits: RotatingFileLimits) {
    this.#path = path
    this.#limits = limits
  }

  /** Rejects with the system's error when the text cannot be written; the next call tries anew. */
  async append(text: string): Promise<void> {
    const bytes = Buffer.from(text)
    try {
      const file = this.#file ?? (await this.#open())
      if (this.#size > 0 && this.#size + bytes.length > this.#limits.maxBytes) await this.#rotate()
      await (this.#file ?? file).appendFile(bytes)
      this.#size += bytes.length
    } catch (error) {
      await this.close()
      throw error
    }
  }

  async close(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    await file?.close().catch(() => undefined)
  }

  async #open(): Promise<FileHandle> {
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 })
    const file = await open(this.#path, 'a', 0o600)
    this.#file = file
    this.#size = (await file.stat()).size
    return file
  }

  async #rotate(): Promise<void> {
    await this.close()
    for (let number = this.#limits.kept; number > 0; number -= 1) {
      const from = number === 1 ? this.#path : `${this.#path}.${number - 1}`
      await rename(from, `${this.#path}.${number}`).catch((error: unknown) => {
        if (!isMissing(error)) throw error
      })
    }
    await this.#open()
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}
