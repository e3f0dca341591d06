import { describe, expect, it } from 'vitest'
import { Cancellation } from '../../src/base/index.ts'

describe('Cancellation', () => {
  it('aborts the signal that was asked for before, with the first reason', () => {
    const cancellation = new Cancellation()
    const { signal } = cancellation
    expect([cancellation.isOver, signal.aborted]).toEqual([false, false])
    cancellation.cancel('first')
    cancellation.cancel('second')
    expect([cancellation.isOver, cancellation.reason]).toEqual([true, 'first'])
    expect([signal.aborted, signal.reason]).toEqual([true, 'first'])
  })

  it('gives a signal that is aborted already to whoever asks later', () => {
    const cancellation = new Cancellation()
    cancellation.cancel('over')
    expect([cancellation.signal.aborted, cancellation.signal.reason]).toEqual([true, 'over'])
    expect(cancellation.signal).toBe(cancellation.signal)
  })
})
