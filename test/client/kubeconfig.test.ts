import { describe, expect, it } from 'vitest'
import { readKubeconfig } from '../../src/client/kubeconfig.ts'

const base64 = (text: string) => Buffer.from(text).toString('base64')

function config(user: object, cluster: object = {}): unknown {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'main',
    contexts: [{ name: 'main', context: { cluster: 'c', user: 'u', namespace: 'shop' } }],
    clusters: [
      { name: 'other', cluster: { server: 'https://elsewhere' } },
      { name: 'c', cluster: { server: 'https://127.0.0.1:6443/', ...cluster } },
    ],
    users: [{ name: 'u', user }],
  }
}

describe('readKubeconfig()', () => {
  it('reads server, authority, certificate and namespace of the current context', () => {
    const user = { 'client-certificate-data': base64('CERT'), 'client-key-data': base64('KEY') }
    expect(readKubeconfig(config(user, { 'certificate-authority-data': base64('CA') }))).toEqual({
      server: 'https://127.0.0.1:6443',
      ca: 'CA',
      credentials: { certificate: 'CERT', key: 'KEY' },
      namespace: 'shop',
    })
  })

  it('reads a token', () => {
    expect(readKubeconfig(config({ token: 't' })).credentials).toEqual({ token: 't' })
  })

  it.each([
    ['no mapping', 'text', 'it holds no mapping'],
    ['no context', {}, 'names no current-context'],
    ['a missing context', { 'current-context': 'gone' }, 'no context named "gone"'],
    ['no credentials', config({}), 'neither a client certificate'],
    ['a command', config({ exec: { command: 'x' } }), 'neither a client certificate'],
    ['a file', config({ 'client-certificate': '/etc/cert' }), 'embed it as client-certificate-data'],
    [
      'an unchecked server',
      config({ token: 't' }, { 'insecure-skip-tls-verify': true }),
      'Bowline never does',
    ],
  ])('refuses %s', (_, value, message) => {
    expect(() => readKubeconfig(value)).toThrowError(
      expect.objectContaining({ code: 'bad-config', message: expect.stringContaining(message) }),
    )
  })
})
