import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  type Clock,
  hasCode,
  type KeyValueStore,
  silentLogger,
  systemClock,
  systemIds,
} from '../../../../src/base/index.ts'
import { createJoinTokens, type JoinTokens } from '../../../../src/cluster/api/auth/join-tokens.ts'
import { ensureAuthority } from '../../../../src/cluster/api/auth/kept-authority.ts'
import { openLmdbStore } from '../../../../src/cluster/store/index.ts'

let folder: string
let store: KeyValueStore
let tokens: JoinTokens
let now: number

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bowline-join-'))
  store = await openLmdbStore({ path: join(folder, 'store'), clock: systemClock, log: silentLogger })
  now = 1_700_000_000_000
  const clock: Clock = { ...systemClock, now: () => now }
  tokens = createJoinTokens({ store, clock, ids: systemIds, authorityFingerprint: 'f'.repeat(64) })
})
afterEach(async () => {
  await store.close()
  rmSync(folder, { recursive: true, force: true })
})

/** What an agent sends: the token without the fingerprint. */
function bearerOf(token: string): string {
  return token.slice(token.indexOf('.') + 1)
}

describe('JoinTokens', () => {
  it('create() gives a token of fingerprint, id and secret that verify() accepts', async () => {
    const { token, info } = await tokens.create({ description: 'rack 1' })
    expect(token).toMatch(new RegExp(`^f{64}\\.${info.id}\\.[A-Za-z0-9_-]{43}$`))
    expect(await tokens.verify(bearerOf(token), [])).toEqual({
      identity: { username: `system:bootstrap:${info.id}`, groups: ['system:bootstrappers'] },
      audiences: [],
    })
  })

  it('create() stores and list() shows nothing from which the secret could be had', async () => {
    const { token, info } = await tokens.create()
    const secret = token.split('.')[2] as string
    const { items } = await store.range('/')
    expect(items.map(({ value }) => Buffer.from(value).toString()).join()).not.toContain(secret)
    expect(await tokens.list()).toEqual([info])
    expect(JSON.stringify(await tokens.list())).not.toMatch(/hash/i)
  })

  it('verify() refuses a wrong secret, a wrong id, rubbish, and a token that is over or revoked', async () => {
    const { token, info } = await tokens.create()
    const good = bearerOf(token)
    for (const bad of [
      `${good}x`,
      good.slice(0, -1),
      `aaaaaaaaaa.${good.split('.')[1]}`,
      info.id,
      `${info.id}.`,
      '',
      '.',
      '../x.y',
      token,
    ])
      expect(await tokens.verify(bad, [])).toBeUndefined()
    now += 24 * 60 * 60 * 1000
    expect(await tokens.verify(good, [])).toBeUndefined()
    expect(await tokens.list()).toEqual([])
    const second = await tokens.create()
    expect(await tokens.revoke(second.info.id)).toBe(true)
    expect(await tokens.verify(bearerOf(second.token), [])).toBeUndefined()
    expect(await tokens.revoke(second.info.id)).toBe(false)
  })

  it('claim() binds a single-use token to the first node, also when two ask at once', async () => {
    const { info } = await tokens.create({ singleUse: true })
    const claims = await Promise.all(['a', 'b'].map(node => tokens.claim(info.id, node)))
    expect(claims.filter(Boolean)).toHaveLength(1)
    const winner = claims[0] ? 'a' : 'b'
    expect(await tokens.claim(info.id, winner)).toBe(true)
    expect((await tokens.list())[0]?.usedBy).toBe(winner)
  })

  it('claim() lets a token without that limit serve many nodes, until it is over', async () => {
    const { info } = await tokens.create({ lifetimeMs: 1000 })
    expect(await tokens.claim(info.id, 'a')).toBe(true)
    expect(await tokens.claim(info.id, 'b')).toBe(true)
    now += 1000
    expect(await tokens.claim(info.id, 'a')).toBe(false)
    expect(await tokens.claim('missing', 'a')).toBe(false)
  })

  it('create() refuses lifetimes that are none', async () => {
    for (const lifetimeMs of [0, -1, Number.NaN, Number.POSITIVE_INFINITY])
      await expect(tokens.create({ lifetimeMs })).rejects.toSatisfy(error => hasCode(error, 'bad-input'))
  })
})

describe('ensureAuthority()', () => {
  it('makes the authority once, however many ask first', async () => {
    const made = await Promise.all([1, 2, 3].map(() => ensureAuthority(store, systemClock)))
    expect(new Set(made.map(({ certificate }) => certificate)).size).toBe(1)
    expect((await ensureAuthority(store, systemClock)).certificate).toBe(made[0]?.certificate)
  })
})
