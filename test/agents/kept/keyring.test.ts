import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Keyring, openKeyring } from '../../../src/agents/kept/keyring.ts'
import { readSecretsKey } from '../../../src/agents/kept/secrets-key.ts'
import { silentLogger } from '../../../src/base/index.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bowline-keyring-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const [OLD, NEW] = ['-----BEGIN PRIVATE KEY----- old', '-----BEGIN PRIVATE KEY----- new']
const HOST_KEY = Buffer.alloc(32, 9)

function open(identityKey: string, secretsKey?: Buffer): Promise<Keyring> {
  return openKeyring({ folder, identityKey, secretsKey, log: silentLogger })
}

const line = (keyring: Keyring) => keyring.seal('pods').seal('the content')
const reads = (keyring: Keyring, sealed: string) => keyring.seal('pods').open(sealed) === 'the content'

describe('openKeyring()', () => {
  it('openKeyring() opens what an earlier start of the same node sealed, and nothing with another key', async () => {
    const sealed = line(await open(OLD))
    expect(reads(await open(OLD), sealed)).toBe(true)
    expect(reads(await open(NEW), sealed)).toBe(false)
  })

  it('openKeyring() leaves no key in the clear', async () => {
    await open(OLD)
    const text = await readFile(join(folder, 'key.json'), 'utf8')
    const [{ wrapped }] = JSON.parse(text)
    expect(Buffer.from(wrapped, 'base64').length).toBeGreaterThan(60)
    expect(text).not.toContain('PRIVATE')
  })

  it('a certificate renewal that is cut off anywhere loses nothing', async () => {
    const keyring = await open(OLD)
    const sealed = line(keyring)
    await keyring.admit(NEW)
    const midway = await readFile(join(folder, 'key.json'))
    for (const onDisk of [OLD, NEW]) {
      await writeFile(join(folder, 'key.json'), midway)
      expect(reads(await open(onDisk), sealed)).toBe(true)
    }
    await writeFile(join(folder, 'key.json'), midway)
    await keyring.settle(NEW)
    expect(reads(keyring, sealed)).toBe(true)
    const after = await readFile(join(folder, 'key.json'))
    expect(reads(await open(NEW), sealed)).toBe(true)
    await writeFile(join(folder, 'key.json'), after)
    expect(reads(await open(OLD), sealed)).toBe(false)
  })

  it('two renewals of one run follow each other', async () => {
    const keyring = await open(OLD)
    const sealed = line(keyring)
    for (const next of [NEW, 'third']) {
      await keyring.admit(next)
      await keyring.settle(next)
    }
    expect(reads(await open('third'), sealed)).toBe(true)
  })

  it("a host's own key takes over, and then the node's private key opens nothing", async () => {
    const sealed = line(await open(OLD))
    const keyring = await open(OLD, HOST_KEY)
    expect(reads(keyring, sealed)).toBe(true)
    await keyring.admit(NEW)
    await keyring.settle(NEW)
    expect(reads(await open(NEW, HOST_KEY), sealed)).toBe(true)
    expect(reads(await open(NEW), sealed)).toBe(false)
  })

  it('a damaged key file gives up the content and goes on', async () => {
    const sealed = line(await open(OLD))
    await writeFile(join(folder, 'key.json'), '[{"salt":')
    const keyring = await open(OLD)
    expect(reads(keyring, sealed)).toBe(false)
    expect(reads(keyring, line(keyring))).toBe(true)
  })
})

describe('readSecretsKey()', () => {
  it('readSecretsKey() takes 32 bytes that only their owner may read', async () => {
    const path = join(folder, 'key')
    await writeFile(path, HOST_KEY, { mode: 0o600 })
    expect(await readSecretsKey(path)).toEqual(HOST_KEY)
    await chmod(path, 0o640)
    await expect(readSecretsKey(path)).rejects.toThrow('others than its owner')
    await writeFile(join(folder, 'short'), 'secret', { mode: 0o600 })
    await expect(readSecretsKey(join(folder, 'short'))).rejects.toThrow('it has 6 bytes')
    await expect(readSecretsKey(join(folder, 'none'))).rejects.toThrow('cannot be found')
  })
})
