import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { negotiateDiscovery, negotiateRepresentation } from '../../../../src/cluster/api/http/media-type.ts'
import { StatusError } from '../../../../src/kube/index.ts'

const TABLE =
  'application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json'
const DISCOVERY =
  'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json'

describe('negotiateRepresentation()', () => {
  it.each([
    [undefined, { form: 'object' }],
    ['', { form: 'object' }],
    ['application/json', { form: 'object' }],
    ['application/json, */*', { form: 'object' }],
    ['*/*', { form: 'object' }],
    ['text/html, application/*;q=0.5', { form: 'object' }],
    ['application/vnd.kubernetes.protobuf,application/json', { form: 'object' }],
    ['application/vnd.kubernetes.protobuf, */*', { form: 'object' }],
    [TABLE, { form: 'table', version: 'v1' }],
    ['application/json;as=Table;v=v1beta1;g=meta.k8s.io', { form: 'table', version: 'v1beta1' }],
    ['application/json;as=Table;v=v9;g=meta.k8s.io, application/json', { form: 'object' }],
    [
      'application/json;q=0.1, application/json;as=Table;v=v1;g=meta.k8s.io',
      { form: 'table', version: 'v1' },
    ],
    [
      'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json',
      { form: 'partial', version: 'v1' },
    ],
    ['APPLICATION/JSON ; as = "Table" ; v=v1; g=meta.k8s.io', { form: 'table', version: 'v1' }],
  ])('%s → %o', (accept, expected) => {
    expect(negotiateRepresentation(accept)).toEqual(expected)
  })

  it.each([
    'text/html',
    'application/vnd.kubernetes.protobuf',
    'application/json;q=0',
    'application/json;as=Chair;v=v1;g=meta.k8s.io',
  ])('refuses %s with NotAcceptable', accept =>
    expect(() => negotiateRepresentation(accept)).toThrow(expect.objectContaining({ code: 406 })),
  )

  it('answers or refuses any header', () => {
    fc.assert(
      fc.property(fc.string(), accept => {
        try {
          negotiateRepresentation(accept)
        } catch (error) {
          return error instanceof StatusError && error.code === 406
        }
        return true
      }),
    )
  })
})

describe('negotiateDiscovery()', () => {
  it.each([
    [DISCOVERY, 'v2'],
    ['application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json', 'v2beta1'],
    ['application/json', 'plain'],
    [undefined, 'plain'],
  ])('%s → %s', (accept, expected) => {
    expect(negotiateDiscovery(accept)).toBe(expected)
  })
})
