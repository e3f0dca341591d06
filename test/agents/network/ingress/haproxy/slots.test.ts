import { describe, expect, it } from 'vitest'
import {
  assignSlots,
  differsInStructure,
  NOWHERE,
  type ServerGroup,
} from '../../../../../src/agents/network/ingress/haproxy/slots.ts'
import type { ProxyBackend } from '../../../../../src/agents/network/ingress/model.ts'

function backendOf(...addresses: readonly string[]): ProxyBackend {
  const endpoints = addresses.map(text => ({
    address: text.replace('~', ''),
    port: 80,
    state: text.startsWith('~') ? ('draining' as const) : ('ready' as const),
  }))
  return { name: 'default:web:80', protocol: 'http', endpoints }
}

/** The addresses of a group in order: `~` drains, `()` is free, `.` was never used. */
function shown({ slots }: ServerGroup): string {
  return slots
    .map(slot => {
      if (slot.address === NOWHERE.address) return '.'
      return slot.state === 'free'
        ? `(${slot.address})`
        : `${slot.state === 'draining' ? '~' : ''}${slot.address}`
    })
    .join(' ')
}

describe('assignSlots()', () => {
  it('begins with room for more', () => {
    expect(shown(assignSlots(backendOf(), undefined))).toBe('. . . . . . . .')
    expect(shown(assignSlots(backendOf('a', 'b'), undefined))).toBe('a b . . . . . .')
    expect(
      assignSlots(backendOf(...Array.from({ length: 20 }, (_, at) => `a${at}`)), undefined).slots,
    ).toHaveLength(32)
  })

  it('leaves everyone their place, and gives new ones those that were never used first', () => {
    const first = assignSlots(backendOf('a', 'b', 'c'), undefined)
    const second = assignSlots(backendOf('a', '~b', 'd'), first)
    expect(shown(second)).toBe('a ~b (c) d . . . .')
    const third = assignSlots(backendOf('d', 'e', 'f', 'g', 'h', 'i', 'j'), second)
    expect(shown(third)).toBe('i j (c) d e f g h')
    expect(shown(assignSlots(backendOf('c', 'd'), third))).toBe('(i) (j) c d (e) (f) (g) (h)')
  })

  it('makes a new group when the old one is too small or speaks otherwise', () => {
    const small = assignSlots(backendOf('a'), undefined)
    const many = backendOf(...Array.from({ length: 9 }, (_, at) => `a${at}`))
    expect(differsInStructure(assignSlots(many, small), small)).toBe(true)
    expect(differsInStructure(assignSlots({ ...backendOf('a'), protocol: 'h2c' }, small), small)).toBe(true)
    expect(differsInStructure(assignSlots(backendOf('b'), small), small)).toBe(false)
  })
})
