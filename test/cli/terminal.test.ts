import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { createTerminal, type Terminal } from '../../src/cli/terminal.ts'

describe('createTerminal()', () => {
  it('prints plain lines and no progress where there is no terminal', () => {
    const { terminal, out, err } = open({ isTTY: false })
    terminal.progress(['one'])
    terminal.print(terminal.paint('red', 'answer'))
    terminal.note('remark')
    expect(out()).toBe('answer\n')
    expect(err()).toBe('remark\n')
  })

  it('paints on a terminal, unless colours are not wanted', () => {
    const { terminal, out } = open({ isTTY: true })
    terminal.print(terminal.paint('red', 'x'))
    expect(out()).toBe('\u001b[31mx\u001b[39m\n')
    const plain = open({ isTTY: true, noColor: true })
    plain.terminal.print(plain.terminal.paint('red', 'x'))
    expect(plain.out()).toBe('x\n')
  })

  it('replaces the lines of progress, and takes them back before it prints', () => {
    const { terminal, out } = open({ isTTY: true })
    terminal.progress(['one', 'two'])
    terminal.progress(['one', 'two'])
    terminal.progress(['three'])
    terminal.print('end')
    expect(out()).toBe('one\ntwo\n\u001b[2A\u001b[0Jthree\n\u001b[1A\u001b[0Jend\n')
  })

  it('shows no more lines of progress than fit, and cuts each where it would wrap', () => {
    const { terminal, out } = open({ isTTY: true, columns: 10, rows: 4 })
    terminal.progress(['\u001b[32m12345678901234\u001b[39m', 'b', 'c', 'd'])
    expect(out()).toBe('\u001b[32m123456789\u001b[0m\nb\n')
  })
})

function open(options: {
  readonly isTTY: boolean
  readonly noColor?: boolean
  readonly columns?: number
  readonly rows?: number
}): { readonly terminal: Terminal; out(): string; err(): string } {
  const { isTTY, noColor = false, columns = 80, rows = 24 } = options
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const terminal = createTerminal({
    stdout: Object.assign(stdout, { isTTY, columns, rows }) as unknown as NodeJS.WriteStream,
    stderr: stderr as unknown as NodeJS.WriteStream,
    noColor,
  })
  const read = (stream: PassThrough) => (): string => String(stream.read() ?? '')
  return { terminal, out: read(stdout), err: read(stderr) }
}
