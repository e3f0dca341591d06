import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseApiPath, segmentsOf } from '../../../../src/cluster/api/http/api-path.ts'
import { apiPath, Kinds, nameProblems, StatusError } from '../../../../src/kube/index.ts'

function read(path: string): unknown {
  return parseApiPath(segmentsOf(path))
}

const NONE = { namespace: '', name: '', subresource: '' }

describe('parseApiPath()', () => {
  it.each([
    ['/api/v1/pods', { ...NONE, group: '', version: 'v1', resource: 'pods' }],
    ['/api/v1/pods/', { ...NONE, group: '', version: 'v1', resource: 'pods' }],
    [
      '/api/v1/nodes/n/status',
      { ...NONE, group: '', version: 'v1', resource: 'nodes', name: 'n', subresource: 'status' },
    ],
    ['/api/v1/namespaces', { ...NONE, group: '', version: 'v1', resource: 'namespaces' }],
    ['/api/v1/namespaces/x', { ...NONE, group: '', version: 'v1', resource: 'namespaces', name: 'x' }],
    [
      '/api/v1/namespaces/x/finalize',
      { ...NONE, group: '', version: 'v1', resource: 'namespaces', name: 'x', subresource: 'finalize' },
    ],
    ['/api/v1/namespaces/x/pods', { ...NONE, group: '', version: 'v1', namespace: 'x', resource: 'pods' }],
    [
      '/api/v1/namespaces/x/pods/p/log',
      { group: '', version: 'v1', namespace: 'x', resource: 'pods', name: 'p', subresource: 'log' },
    ],
    [
      '/apis/apps/v1/namespaces/x/deployments/d',
      { ...NONE, group: 'apps', version: 'v1', namespace: 'x', resource: 'deployments', name: 'd' },
    ],
    [
      '/apis/apps/v1/namespaces/status/deployments',
      { ...NONE, group: 'apps', version: 'v1', namespace: 'status', resource: 'deployments' },
    ],
    ['/api/v1/nodes/a%20b', { ...NONE, group: '', version: 'v1', resource: 'nodes', name: 'a b' }],
  ])('reads %s', (path, expected) => {
    expect(read(path)).toEqual(expected)
  })

  it.each([
    '/api',
    '/api/v1',
    '/apis',
    '/apis/apps',
    '/apis/apps/v1',
    '/version',
    '/api/v1/a/b/c/d',
    '/api/v1/namespaces/a/b/c/d/e',
  ])('finds no resource in %s', path => expect(read(path)).toBeUndefined())

  it.each([
    '/api/v1/namespaces/a%2Fb/pods',
    '/api/v1/namespaces/../pods',
    '/api/v1/namespaces/%2e%2e/pods',
    '/api/v1/namespaces/./pods',
    '/api//v1/pods',
    '/api/v1/pods/%00',
    '/api/v1/pods/%',
    '/api/v1/pods/%zz',
    '/api/v1/pods/%252F',
    '/api/v1/pods/a%5Cb',
    `/api/v1/pods/${'x'.repeat(600)}`,
    'api/v1/pods',
    'https://elsewhere/api/v1/pods',
    '*',
  ])('refuses %s, which could be read in two ways', path => {
    expect(() => read(path)).toThrow(expect.objectContaining({ reason: 'BadRequest' }))
  })

  it('answers or refuses any text, and lets no slash into a name', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), text => {
        try {
          const parts = Object.values((read(`/api/v1/${text}`) ?? {}) as object) as string[]
          return parts.every(part => !part.includes('/') && !part.includes('\0'))
        } catch (error) {
          return error instanceof StatusError && error.code === 400
        }
      }),
    )
  })
})

describe('names', () => {
  it('that an object may have are names that a path can say', () => {
    const character = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 2 }),
      fc.constantFrom('\\', '\ud800', '\n', '..', '%2f', '?', '#', ':'),
    )
    const name = fc.oneof(
      fc.array(character, { maxLength: 8 }).map(parts => parts.join('')),
      fc.constant('x'.repeat(513)),
    )
    fc.assert(
      fc.property(name, text => {
        for (const rule of ['path-segment', 'subdomain', 'label'] as const)
          if (text !== '' && nameProblems(rule, text).length === 0)
            expect(read(apiPath(Kinds.ClusterRole, undefined, text))).toMatchObject({
              name: text,
              subresource: '',
            })
      }),
      { numRuns: 1_000 },
    )
  })
})
