import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createKeyAndRequest, readRequest } from '../../src/pki/index.ts'

const text = fc.string({ minLength: 1, maxLength: 300, unit: 'grapheme' })

describe('createKeyAndRequest()', () => {
  it('asks for any name so that readRequest() reads it back, whatever its length and characters', async () => {
    await fc.assert(
      fc.asyncProperty(text, fc.array(text, { maxLength: 3 }), async (commonName, organizations) => {
        const { request } = await createKeyAndRequest({ commonName, organizations })
        expect((await readRequest(request)).subject).toEqual({ commonName, organizations })
      }),
      { numRuns: 50 },
    )
  })

  it('makes a request that openssl verifies and reads', async () => {
    const { request } = await createKeyAndRequest({
      commonName: 'system:node:host-1',
      organizations: ['system:nodes'],
    })
    const options = ['req', '-noout', '-verify', '-subject', '-nameopt', 'RFC2253']
    const output = execFileSync('openssl', options, {
      input: request,
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    expect(output).toContain('CN=system:node:host-1,O=system:nodes')
  })
})
