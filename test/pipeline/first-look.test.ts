import { describe, expect, it } from 'vitest'
import { FirstLook } from '../../src/pipeline/first-look.ts'

/** Whether the look is over once everything that waits has run. */
async function isOver({ over }: FirstLook): Promise<boolean> {
  return Promise.race([over.then(() => true), new Promise<false>(resolve => setImmediate(resolve, false))])
}

describe('the first look', () => {
  it('is over at once where nothing is followed', async () => {
    const look = new FirstLook()
    expect(await isOver(look)).toBe(false)
    look.begin([])
    expect(await isOver(look)).toBe(true)
  })

  it('is over when each app of each root has decided what there is to do', async () => {
    const look = new FirstLook()
    look.begin(['shop', 'blog'])
    look.read('shop', ['cart', 'web'])
    look.decided('cart')
    look.decided('cart')
    look.read('blog', ['blog'])
    look.decided('web')
    expect(await isOver(look)).toBe(false)
    look.decided('blog')
    expect(await isOver(look)).toBe(true)
  })

  it('does not wait for what cannot be read, nor for what is read a second time', async () => {
    const look = new FirstLook()
    look.begin(['shop', 'blog'])
    look.read('shop', ['shop'])
    look.decided('shop')
    look.read('shop', ['shop'])
    look.read('blog', [])
    expect(await isOver(look)).toBe(true)
  })
})
