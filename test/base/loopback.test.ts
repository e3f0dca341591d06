import { expect, it } from 'vitest'
import { isLoopback } from '../../src/base/index.ts'

it.each(['127.0.0.1', '127.43.0.10', '::1', '0:0:0:0:0:0:0:1', '::ffff:127.0.0.1', '::ffff:7f00:1'])(
  'isLoopback() knows %s',
  address => expect(isLoopback(address)).toBe(true),
)

it.each(['10.0.0.1', '128.0.0.1', '::2', 'fd00::1', '::ffff:10.0.0.1', 'localhost', ''])(
  'isLoopback() leaves %s alone',
  address => expect(isLoopback(address)).toBe(false),
)
