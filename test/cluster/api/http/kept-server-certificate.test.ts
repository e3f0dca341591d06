import { X509Certificate } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BowlineError, type KeyValueStore, silentLogger, systemClock } from '../../../../src/base/index.ts'
import { KeptServerCertificate } from '../../../../src/cluster/api/http/kept-server-certificate.ts'
import type { ServerCertificate } from '../../../../src/cluster/api/http/server-certificate.ts'
import { openLmdbStore } from '../../../../src/cluster/store/index.ts'
import { type Authority, createAuthority, DAY_MS } from '../../../../src/pki/index.ts'
import { FakeClock } from '../../../base/fake-clock.ts'
import { delegateStore } from '../support/delegate-store.ts'

describe('KeptServerCertificate', () => {
  let folder: string
  let store: KeyValueStore
  let authority: Authority
  let clock: FakeClock

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bowline-certificate-'))
    store = await openLmdbStore({ path: folder, clock: systemClock, log: silentLogger })
    clock = new FakeClock(systemClock.now())
    authority = await createAuthority(clock)
  })

  afterEach(async () => {
    await store.close()
    await rm(folder, { recursive: true, force: true })
  })

  interface Start {
    readonly names?: readonly string[]
    readonly authority?: Authority
    readonly store?: KeyValueStore
  }

  /** The certificate that a start takes. */
  function start({ names = [], ...options }: Start = {}): Promise<ServerCertificate> {
    const kept = new KeptServerCertificate({ store, authority, names, clock, log: silentLogger, ...options })
    return kept.current()
  }

  it('is the same after a restart, key and all', async () => {
    const first = await start({ names: ['bowline.example'] })
    expect(await start({ names: ['bowline.example'] })).toEqual(first)
  })

  it('is another for other names, which it is valid for', async () => {
    const first = await start()
    const second = await start({ names: ['bowline.example'] })
    expect(second.cert).not.toBe(first.cert)
    expect(new X509Certificate(second.cert).checkHost('bowline.example')).toBe('bowline.example')
  })

  it('is another for another authority', async () => {
    const first = await start()
    const other = await createAuthority(clock)
    expect(await start({ authority: other })).toMatchObject({ ca: other.certificate })
    expect((await start()).cert).not.toBe(first.cert)
  })

  it('is another once 70 % of its time are over, and while its time has not begun', async () => {
    const first = await start()
    await clock.advance(60 * DAY_MS)
    expect(await start()).toEqual(first)
    await clock.advance(5 * DAY_MS)
    const second = await start()
    expect(second.validity.notAfter).toBeGreaterThan(first.validity.notAfter)
    clock = new FakeClock(second.validity.notBefore - DAY_MS)
    expect((await start()).cert).not.toBe(second.cert)
  })

  it('is issued where the disk is full', async () => {
    const full = delegateStore(store, {
      txn: () => Promise.reject(new BowlineError('unavailable', 'the disk is full')),
    })
    const certificate = await start({ store: full })
    expect(new X509Certificate(certificate.cert).checkHost('localhost')).toBe('localhost')
  })
})
