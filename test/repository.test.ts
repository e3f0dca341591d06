import { describe, expect, it } from 'vitest'
import { locateSource } from '../src/repository.ts'

describe('locateSource()', () => {
  it('takes an http address as it is', async () => {
    const repository = 'https://git.example.org/team/shop.git'
    expect(await locateSource(repository, undefined, undefined)).toEqual({
      ...{ repository, branch: 'main', path: '' },
    })
  })

  it.each(['https://ada:hunter2@git.example.org/shop.git', 'http://hunter2@git.example.org/shop.git'])(
    'refuses an address with a password in it, which Apps would show, and does not repeat it: %s',
    async address => {
      const error = await locateSource(address, undefined, undefined).catch((cause: Error) => cause)
      expect(error).toMatchObject({
        code: 'bad-config',
        message: expect.stringContaining(
          'the address holds a user or password; put them in a credentials file',
        ),
      })
      expect((error as Error).message).not.toContain('hunter2')
    },
  )

  it.each(['git@git.example.org:team/shop.git', 'ssh://git@git.example.org/shop.git', 'file:///srv/shop'])(
    'says that an address is of a kind that is not supported: %s',
    async address => {
      await expect(locateSource(address, undefined, undefined)).rejects.toThrow(
        'Cannot use repository address: only http and https addresses and local folders are supported',
      )
    },
  )
})
