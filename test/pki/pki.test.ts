import { execFileSync } from 'node:child_process'
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasCode, systemClock } from '../../src/base/index.ts'
import {
  type Authority,
  createAuthority,
  createKeyAndRequest,
  createKeyPair,
  DAY_MS,
  fingerprint,
  issueCertificate,
  loadAuthority,
  readCertificate,
  readRequest,
  renewalTime,
  signRequest,
  validFrom,
} from '../../src/pki/index.ts'

let authority: Authority
let folder: string

beforeAll(async () => {
  authority = await createAuthority(systemClock)
  folder = mkdtempSync(join(tmpdir(), 'bowline-pki-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** An independent reader of what is written here. */
function openssl(args: readonly string[]): string {
  const program = 'openssl'
  return execFileSync(program, args, { encoding: 'utf8' })
}

function pemOf(base64: string): string {
  return `-----BEGIN CERTIFICATE REQUEST-----\n${base64}\n-----END CERTIFICATE REQUEST-----\n`
}

function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

describe('authority', () => {
  it('createAuthority() makes a certificate that may sign and lasts ten years', () => {
    const certificate = new X509Certificate(authority.certificate)
    const facts = readCertificate(authority.certificate)
    expect(certificate.ca).toBe(true)
    expect(certificate.verify(certificate.publicKey)).toBe(true)
    expect((facts.notAfter - facts.notBefore) / DAY_MS).toBeGreaterThan(3650)
    expect(createPrivateKey(authority.privateKey).asymmetricKeyDetails?.namedCurve).toBe('prime256v1')
  })

  it('loadAuthority() reads what createAuthority() made, and the loaded one signs', async () => {
    const loaded = await loadAuthority(authority)
    const { publicKey } = await createKeyPair()
    const certificate = await issueCertificate({
      authority: loaded,
      subject: { commonName: 'x' },
      publicKey,
      usages: ['client'],
      validity: validFrom(systemClock.now(), DAY_MS),
    })
    const issuer = new X509Certificate(authority.certificate)
    expect(new X509Certificate(certificate).verify(issuer.publicKey)).toBe(true)
  })

  it('loadAuthority() refuses a key of another authority, a certificate that may not sign, and rubbish', async () => {
    const other = await createAuthority(systemClock)
    const keys = await createKeyPair()
    const leaf = await issueCertificate({
      authority,
      subject: { commonName: 'leaf' },
      publicKey: keys.publicKey,
      usages: ['server'],
      validity: validFrom(systemClock.now(), DAY_MS),
    })
    for (const files of [
      { certificate: authority.certificate, privateKey: other.privateKey },
      { certificate: leaf, privateKey: keys.privateKey },
      { certificate: 'rubbish', privateKey: authority.privateKey },
      { certificate: authority.certificate, privateKey: 'rubbish' },
    ])
      await expect(loadAuthority(files)).rejects.toSatisfy(error => hasCode(error, 'bad-input'))
  })
})

describe('certificates', () => {
  it('issueCertificate() carries subject, names and usages that openssl accepts', async () => {
    const { publicKey } = await createKeyPair()
    const certificate = await issueCertificate({
      authority,
      subject: { commonName: 'bowline', organizations: ['a', 'b, O=system:masters'] },
      publicKey,
      usages: ['server'],
      validity: validFrom(systemClock.now(), DAY_MS),
      dnsNames: ['localhost', 'bowline.example'],
      ipAddresses: ['127.0.0.1', '::1'],
    })
    expect(readCertificate(certificate).subject).toEqual({
      commonName: 'bowline',
      organizations: ['a', 'b, O=system:masters'],
    })
    const parsed = new X509Certificate(certificate)
    expect(parsed.checkHost('localhost')).toBe('localhost')
    expect(parsed.checkHost('bowline.example')).toBe('bowline.example')
    expect(parsed.checkIP('::1')).toBe('::1')
    expect(parsed.checkIP('127.0.0.1')).toBe('127.0.0.1')
    const verify = [
      'verify',
      '-x509_strict',
      '-purpose',
      'sslserver',
      '-CAfile',
      file('ca.pem', authority.certificate),
    ]
    expect(openssl([...verify, file('leaf.pem', certificate)])).toContain('OK')
  })

  it('readCertificate() reads any subject as it was issued, whatever its length and characters', async () => {
    const text = fc.oneof(
      fc.string({ minLength: 1, maxLength: 300, unit: 'grapheme' }),
      // What names are quoted and escaped with.
      fc.string({
        minLength: 1,
        maxLength: 9,
        unit: fc.constantFrom('"', '\\', '#', ',', '+', '=', ' ', '0', 'a'),
      }),
    )
    const { publicKey } = await createKeyPair()
    const validity = validFrom(systemClock.now(), DAY_MS)
    await fc.assert(
      fc.asyncProperty(text, fc.array(text, { maxLength: 3 }), async (commonName, organizations) => {
        const subject = { commonName, organizations }
        const certificate = await issueCertificate({
          authority,
          subject,
          publicKey,
          usages: ['client'],
          validity,
        })
        expect(readCertificate(certificate)).toEqual({ subject, ...validity })
      }),
      { numRuns: 50 },
    )
  })

  it('issueCertificate() makes nobody of a name that only looks like theirs', async () => {
    const { publicKey } = await createKeyPair()
    const masters = Buffer.from('system:masters')
    const asHex = `#0c${masters.length.toString(16).padStart(2, '0')}${masters.toString('hex')}`
    for (const name of ['x"system:masters"', 'system:\\masters', asHex]) {
      const certificate = await issueCertificate({
        authority,
        subject: { commonName: name, organizations: [name] },
        publicKey,
        usages: ['client'],
        validity: validFrom(systemClock.now(), DAY_MS),
      })
      expect(readCertificate(certificate).subject).toEqual({ commonName: name, organizations: [name] })
    }
  })

  it('readCertificate() leaves TLS whole in a process that did not need it before', () => {
    const program = `
      const { readCertificate } = await import(${JSON.stringify(new URL('../../src/pki/index.ts', import.meta.url).href)})
      readCertificate(${JSON.stringify(authority.certificate)})
      const { createSecureContext } = await import('node:tls')
      console.log(typeof createSecureContext)`
    const args = ['--import', 'tsx', '--input-type=module', '--eval', program]
    expect(execFileSync(process.execPath, args, { encoding: 'utf8' }).trim()).toBe('function')
  })

  it('readCertificate() answers bad-input, and nothing else, to any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), bytes => {
        expect(() => readCertificate(bytes)).toThrow(expect.objectContaining({ code: 'bad-input' }))
      }),
    )
  })

  it('issueCertificate() never outlives the authority', async () => {
    const { publicKey } = await createKeyPair()
    const certificate = await issueCertificate({
      authority,
      subject: { commonName: 'x' },
      publicKey,
      usages: ['client'],
      validity: validFrom(systemClock.now(), 9000 * DAY_MS),
    })
    expect(readCertificate(certificate).notAfter).toBe(readCertificate(authority.certificate).notAfter)
  })

  it('fingerprint() is what openssl prints', () => {
    const path = file('ca.pem', authority.certificate)
    const printed = openssl(['x509', '-in', path, '-noout', '-fingerprint', '-sha256'])
    expect(fingerprint(authority.certificate)).toBe(
      printed.split('=')[1]?.trim().replaceAll(':', '').toLowerCase(),
    )
  })
})

describe('requests', () => {
  it('signRequest() fixes the subject whatever the request asks for', async () => {
    const { privateKey, request } = await createKeyAndRequest({
      commonName: 'admin',
      organizations: ['system:masters'],
    })
    expect((await readRequest(request)).subject).toEqual({
      commonName: 'admin',
      organizations: ['system:masters'],
    })
    const certificate = await signRequest({
      authority,
      request,
      subject: { commonName: 'system:node:host-1', organizations: ['system:nodes'] },
      usages: ['client'],
      validity: validFrom(systemClock.now(), DAY_MS),
    })
    expect(readCertificate(certificate).subject).toEqual({
      commonName: 'system:node:host-1',
      organizations: ['system:nodes'],
    })
    expect(new X509Certificate(certificate).checkPrivateKey(createPrivateKey(privateKey))).toBe(true)
  })

  it('readRequest() accepts a request that openssl made with RSA', async () => {
    const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
      type: 'pkcs8',
      format: 'pem',
    })
    const request = openssl([
      'req',
      '-new',
      '-key',
      file('rsa.pem', key.toString()),
      '-subj',
      '/O=system:nodes/CN=system:node:x',
    ])
    expect((await readRequest(request)).subject.commonName).toBe('system:node:x')
  })

  it('readRequest() refuses weak keys, a foreign signature, oversize and rubbish', async () => {
    const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey.export({
      type: 'pkcs8',
      format: 'pem',
    })
    const weakRequest = openssl(['req', '-new', '-key', file('weak.pem', weak.toString()), '-subj', '/CN=x'])
    const { request } = await createKeyAndRequest({ commonName: 'x' })
    const der = Buffer.from(request.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64')
    der.writeUInt8(der.readUInt8(der.length - 1) ^ 1, der.length - 1)
    const forged = pemOf(der.toString('base64'))
    for (const bad of [weakRequest, forged, 'x'.repeat(20_000), '', 'rubbish', authority.certificate])
      await expect(readRequest(bad)).rejects.toSatisfy(error => hasCode(error, 'bad-input'))
  })

  it('readRequest() reads the request that an approver sees, or none', async () => {
    const { request: shown } = await createKeyAndRequest({ commonName: 'alice' })
    const { request: hidden } = await createKeyAndRequest({ commonName: 'bob' })
    const bare = hidden.replaceAll(/-----[^-]+-----|\s/g, '')
    const texts = [
      // OpenSSL and kubectl pass over a beginning that begins no line, and over what is no request.
      `x${hidden}${shown}`,
      ` ${hidden}${shown}`,
      `${hidden.replaceAll('CERTIFICATE REQUEST', 'ELSE')}${shown}`,
      `${hidden}${shown}`,
      `${shown}${hidden}`,
      bare,
      Buffer.from(bare, 'base64').toString('hex'),
      pemOf(Buffer.from(hidden).toString('base64')),
      shown.replace('\n-----END', '=AAAA\n-----END'),
    ]
    for (const text of texts)
      await expect(readRequest(text), text).rejects.toSatisfy(error => hasCode(error, 'bad-input'))
    for (const text of [
      shown,
      shown.trim(),
      shown.replaceAll('\n', '\r\n'),
      // As editors and terminals leave it.
      shown.replaceAll('\n', ' \n'),
      shown.replaceAll('\n', '\t \r\n'),
      `Certificate Request:\n${shown}\n`,
    ])
      expect((await readRequest(text)).subject.commonName).toBe('alice')
  })

  it('readRequest() comes to an end with any text', async () => {
    // A reader of PEM with headers that goes back and forth between them would take a lifetime.
    for (const lines of [' a: b\n', 'a: b\n', '\n', 'AAAA\n', '-----BEGIN CERTIFICATE REQUEST-----\n'])
      await expect(
        readRequest(`-----BEGIN CERTIFICATE REQUEST-----\n${lines.repeat(400)}!`),
      ).rejects.toSatisfy(error => hasCode(error, 'bad-input'))
  })

  it('readRequest() answers bad-input, and nothing else, to any bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async bytes => {
        const pem = pemOf(Buffer.from(bytes).toString('base64'))
        await expect(readRequest(pem)).rejects.toSatisfy(error => hasCode(error, 'bad-input'))
      }),
    )
  })
})

describe('validity', () => {
  it('renewalTime() lies in the future and between 70 and 90 % of any lifetime', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 10_000, max: 400 * DAY_MS }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (lifetime, random) => {
          const now = 1_700_000_000_000
          const validity = validFrom(now, lifetime)
          const at = renewalTime(validity, random)
          const share = (at - validity.notBefore) / (validity.notAfter - validity.notBefore)
          return share >= 0.699 && share <= 0.901 && at > now && at < validity.notAfter
        },
      ),
    )
  })
})
