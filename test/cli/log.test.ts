import { beforeEach, describe, expect, it } from 'vitest'
import { createTextLog } from '../../src/cli/log.ts'
import { FakeClock } from '../base/fake-clock.ts'

describe('createTextLog()', () => {
  let lines: string[]
  const clock = new FakeClock(Date.UTC(2026, 10, 23, 19, 5, 6))
  const write = (line: string): void => void lines.push(line)

  beforeEach(() => {
    lines = []
  })

  it('gives each message a line, with what it is about', () => {
    const log = createTextLog({ level: 'info', clock, write }).with({ app: 'shop' })
    log.info('An attempt ended', { state: 'Healthy', changes: 2, hold: undefined })
    log.error('Cannot reach it', { error: 'no route to host', server: 'https://127.0.0.1:6443' })
    expect(lines).toEqual([
      '19:05:06Z  info   An attempt ended  app=shop  state=Healthy  changes=2\n',
      '19:05:06Z  error  Cannot reach it  app=shop  error="no route to host"  server=https://127.0.0.1:6443\n',
    ])
  })

  it('leaves out what is below its level', () => {
    const log = createTextLog({ level: 'warn', clock, write })
    log.debug('a')
    log.info('b')
    log.warn('c')
    expect(lines).toEqual(['19:05:06Z  warn   c\n'])
  })

  it('shows nothing that a terminal would obey, and no line that is none', () => {
    createTextLog({ level: 'info', clock, write }).warn('bad\u001b[2J', { error: 'one\ntwo\u0007' })
    expect(lines).toEqual(['19:05:06Z  warn   bad\\u001b[2J  error="one\\ntwo\\u0007"\n'])
  })
})
