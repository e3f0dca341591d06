import { type Command, commandsBetween } from '../../../../../src/agents/network/ingress/haproxy/commands.ts'
import {
  parseCertificateFiles,
  parseCertificateLines,
  parseServers,
  type RunningState,
} from '../../../../../src/agents/network/ingress/haproxy/running.ts'
import { digest, type WantedState } from '../../../../../src/agents/network/ingress/haproxy/wanted.ts'

/** Follows commands as HAProxy does, and tells its state in HAProxy's words: what a test of many sequences can afford. */
export class SimulatedProxy {
  readonly known: Map<string, string> = new Map<string, string>()
  readonly said: string[] = []
  readonly #servers = new Map<string, { address: string; port: string; flags: number }>()
  readonly #files = new Map<string, string>()
  readonly #pending = new Map<string, string>()
  #lines: string[] = []
  #base = ''

  /** As a start or a reload: the files count. */
  load(wanted: WantedState): void {
    this.#base = wanted.base
    this.#servers.clear()
    let backend = ''
    for (const line of wanted.config.split('\n')) {
      const [word = '', name = '', place = '', ...rest] = line.trim().split(' ')
      if (word === 'backend') backend = name
      if (word !== 'server') continue
      const at = place.lastIndexOf(':')
      this.#servers.set(`${backend}/${name}`, {
        address: place.slice(0, at).replace(/[[\]]/g, ''),
        port: place.slice(at + 1),
        flags: rest.includes('disabled') ? 5 : 0,
      })
    }
    this.#files.clear()
    for (const [file, pem] of wanted.certificates) this.#files.set(file, pem)
    this.#lines = wanted.certificateLines.map(({ file, hosts }) => `${file} ${hosts.join(' ')}`)
    this.known.clear()
    for (const [name, text] of [...wanted.maps, ...wanted.certificates]) this.known.set(name, digest(text))
  }

  get state(): RunningState {
    const servers = [...this.#servers].map(([key, { address, port, flags }]) => {
      const [backend, server] = key.split('/')
      return `4 ${backend} 1 ${server} ${address} 2 ${flags} 1 1 9 6 3 3 6 0 0 0 - ${port} - 0 0 - - 0`
    })
    return {
      pid: 2,
      base: this.#base,
      groups: parseServers(['1', '# be_id be_name', ...servers, ''].join('\n')),
      certificateLines: parseCertificateLines(
        ['# list', ...this.#lines.map((line, index) => line.replace(' ', `:${index + 1} `))].join('\n'),
      ),
      certificateFiles: parseCertificateFiles(['# filename', ...this.#files.keys(), ''].join('\n')),
    }
  }

  certificate(file: string): string | undefined {
    return this.#files.get(file)
  }

  /** Carries out what leads to `wanted`. */
  follow(wanted: WantedState): void {
    for (const command of commandsBetween(this.state, this.known, wanted)) this.#obey(command)
  }

  #obey(command: Command): void {
    if (command.type === 'replace-map') {
      this.known.set(command.name, digest(command.text))
      return
    }
    this.said.push(command.line)
    const words = command.line.split(' ')
    const [verb, noun, name = ''] = words
    if (verb === 'set' && noun === 'server') this.#setServer(name, words.slice(3))
    else if (verb === 'new') this.#files.set(words[3] ?? '', '')
    else if (verb === 'set') this.#pending.set(words[3] ?? '', command.payload ?? '')
    else if (verb === 'commit') this.#commit(words[3] ?? '')
    else if (verb === 'add') this.#lines.push((command.payload ?? '').trim())
    else if (verb === 'del' && name === 'crt-list') this.#lines.splice(this.#lineOf(words[4] ?? ''), 1)
    else if (verb === 'del') this.#files.delete(words[3] ?? '')
    else throw new Error(`unknown command: ${command.line}`)
  }

  #setServer(name: string, [what, value = '', , port = '']: readonly string[]): void {
    const server = this.#servers.get(name)
    if (server === undefined) throw new Error(`no such server: ${name}`)
    if (what === 'addr') Object.assign(server, { address: value, port })
    if (what === 'state')
      server.flags = (server.flags & 4) | ({ ready: 0, drain: 8, maint: 1 }[value] ?? Number.NaN)
  }

  #commit(file: string): void {
    const pem = this.#pending.get(file) ?? ''
    this.#files.set(file, pem)
    this.known.set(file, digest(pem))
  }

  #lineOf(entry: string): number {
    const [file = '', line = ''] = entry.split(':')
    const index = Number(line) - 1
    if (!this.#lines[index]?.startsWith(`${file} `)) throw new Error(`no such line: ${entry}`)
    return index
  }
}
