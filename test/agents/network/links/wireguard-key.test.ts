import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ensureKey, keepPort } from '../../../../src/agents/network/links/wireguard-key.ts'

describe('ensureKey()', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bowline-key-'))
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  it('makes a key once, readable by its owner alone, and keeps it', async () => {
    const key = await ensureKey(folder)
    expect(key.publicKey).toMatch(/^[A-Za-z0-9+/]{43}=$/)
    expect((await stat(key.file)).mode & 0o777).toBe(0o600)
    await keepPort(folder, 51_823)
    expect(await ensureKey(folder)).toEqual({ ...key, port: 51_823 })
  })

  it('derives the public key as `wg pubkey` does', async () => {
    await writeFile(join(folder, 'wireguard.key'), 'SB1h0u0+f4ypsD0PJz/Z+8pRWxkqxMBnQebBjlSNtkI=\n')
    expect((await ensureKey(folder)).publicKey).toBe('cdYRX8E7godgkzVWT2n0nSgvr+rV7GPTrQ+fz/3XYDU=')
  })

  it('says that a damaged key is damaged without showing it', async () => {
    await writeFile(join(folder, 'wireguard.key'), 'c2VjcmV0')
    const refusal = ensureKey(folder)
    await expect(refusal).rejects.toThrow('is damaged')
    await expect(refusal).rejects.not.toThrow('c2VjcmV0')
    expect(await readFile(join(folder, 'wireguard.key'), 'utf8')).toBe('c2VjcmV0')
  })
})
