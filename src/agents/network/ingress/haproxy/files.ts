import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { lineText } from './commands.ts'
import { certificateFile, Files, type WantedState } from './wanted.ts'

const UNAVAILABLE = `HTTP/1.0 503 Service Unavailable\r
Cache-Control: no-cache\r
Connection: close\r
Content-Type: text/plain\r
Retry-After: 1\r
\r
No pod of this service is ready.
`

/**
 * The proxy's files: what it starts and reloads from. They follow every change, so that a host that is rebooted serves what it served
 * last before its agent has heard anything. For their owner only.
 */
export class ProxyFiles {
  readonly #folder: string
  readonly #written = new Map<string, string>()

  constructor(folder: string) {
    this.#folder = folder
  }

  /** Makes the folder. True when what an earlier agent left there is whole. */
  async prepare(): Promise<boolean> {
    for (const folder of ['', Files.certificateFolder, 'empty'])
      await mkdir(join(this.#folder, folder), { recursive: true, mode: 0o700 })
    const config = await readFile(join(this.#folder, Files.config), 'utf8').catch(() => undefined)
    return config !== undefined
  }

  /** Makes the files say `wanted`; the configuration last, for all the others are there when it is. */
  async write(wanted: WantedState, defaultCertificate: string): Promise<void> {
    await this.#put(Files.defaultCertificate, defaultCertificate)
    await this.#put(Files.unavailable, UNAVAILABLE)
    for (const [file, pem] of wanted.certificates) await this.#put(file, pem)
    const lines = wanted.certificateLines.map(line => `${lineText(line)}\n`)
    await this.#put(Files.certificateList, lines.join(''))
    for (const [name, text] of wanted.maps) await this.#put(name, text)
    await this.#put(Files.config, wanted.config)
  }

  /** What an earlier agent left of the certificate of a Secret. */
  async certificate(secret: string): Promise<string | undefined> {
    return readFile(join(this.#folder, certificateFile(secret)), 'utf8').catch(() => undefined)
  }

  /** Removes the certificates that are not wanted any more. */
  async tidy(wanted: WantedState): Promise<void> {
    for (const name of await readdir(join(this.#folder, Files.certificateFolder))) {
      const file = `${Files.certificateFolder}/${name}`
      if (wanted.certificates.has(file)) continue
      this.#written.delete(file)
      await rm(join(this.#folder, file), { force: true })
    }
  }

  async #put(name: string, text: string): Promise<void> {
    if (this.#written.get(name) === text) return
    const path = join(this.#folder, name)
    await writeFile(`${path}.new`, text, { mode: 0o600 })
    await rename(`${path}.new`, path)
    this.#written.set(name, text)
  }
}
