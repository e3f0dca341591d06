import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  durationOf,
  isWatch,
  parseDeletionOptions,
  parseListQuery,
  parseMutationOptions,
  parseWatchQuery,
} from '../../../../src/cluster/api/http/query.ts'
import { StatusError } from '../../../../src/kube/index.ts'

function query(text: string): URLSearchParams {
  return new URLSearchParams(text)
}

describe('parseListQuery()', () => {
  it('reads what kubectl sends', () => {
    expect(
      parseListQuery(query('fieldSelector=spec.nodeName%3Da&labelSelector=app%3Dx&limit=500'), 'ns'),
    ).toEqual({
      namespace: 'ns',
      labelSelector: 'app=x',
      fieldSelector: 'spec.nodeName=a',
      limit: 500,
      continue: '',
      resourceVersion: '',
      resourceVersionMatch: '',
    })
  })

  it.each([
    'limit=x',
    'limit=-1',
    'limit=1e3',
    'limit=99999999999999999999',
    'resourceVersion=abc',
    'resourceVersion=-1',
    'resourceVersionMatch=Near',
  ])('refuses %s with BadRequest', text =>
    expect(() => parseListQuery(query(text), '')).toThrow(expect.objectContaining({ code: 400 })),
  )
})

describe('isWatch()', () => {
  it.each([
    ['watch=true', true],
    ['watch=1', true],
    ['watch', true],
    ['watch=false', false],
    ['watch=0', false],
    ['', false],
  ])('%s → %s', (text, expected) => expect(isWatch(query(text))).toBe(expected))
})

describe('parseMutationOptions()', () => {
  it('defaults to Warn and reads dryRun, fieldManager and fieldValidation', () => {
    expect(parseMutationOptions(query(''), '').fieldValidation).toBe('Warn')
    expect(
      parseMutationOptions(query('dryRun=All&fieldManager=me&fieldValidation=Strict'), 'status'),
    ).toEqual({
      subresource: 'status',
      fieldManager: 'me',
      fieldValidation: 'Strict',
      dryRun: true,
    })
  })

  it.each(['dryRun=Some', 'fieldValidation=Hard', `fieldManager=${'x'.repeat(129)}`, 'fieldManager=a%0ab'])(
    'refuses %s with BadRequest',
    text =>
      expect(() => parseMutationOptions(query(text), '')).toThrow(expect.objectContaining({ code: 400 })),
  )
})

describe('parseDeletionOptions()', () => {
  it('takes the body before the query', () => {
    const body = {
      propagationPolicy: 'Foreground',
      gracePeriodSeconds: 0,
      preconditions: { uid: 'u' },
      dryRun: ['All'],
    }
    expect(parseDeletionOptions(query('propagationPolicy=Orphan'), body)).toEqual({
      propagationPolicy: 'Foreground',
      gracePeriodSeconds: 0,
      preconditionUid: 'u',
      preconditionResourceVersion: '',
      dryRun: true,
    })
    expect(
      parseDeletionOptions(query('propagationPolicy=Orphan&gracePeriodSeconds=5'), undefined),
    ).toMatchObject({
      propagationPolicy: 'Orphan',
      gracePeriodSeconds: 5,
    })
  })

  it('answers or refuses any body', () => {
    fc.assert(
      fc.property(
        fc.record(
          {
            propagationPolicy: fc.jsonValue(),
            gracePeriodSeconds: fc.jsonValue(),
            preconditions: fc.oneof(fc.constant(null), fc.record({ uid: fc.jsonValue() })),
            dryRun: fc.jsonValue(),
            orphanDependents: fc.jsonValue(),
          },
          { requiredKeys: [] },
        ),
        body => {
          try {
            parseDeletionOptions(query(''), body)
          } catch (error) {
            return error instanceof StatusError && error.code === 400
          }
          return true
        },
      ),
    )
  })
})

describe('durationOf()', () => {
  it.each([
    ['timeout=32s', 32_000],
    ['timeout=1m30s', 90_000],
    ['timeout=500ms', 500],
    ['', undefined],
  ])('%s → %s', (text, expected) => expect(durationOf(query(text), 'timeout')).toBe(expected))

  it.each(['timeout=32', 'timeout=s', 'timeout=-1s', 'timeout=1d'])('refuses %s', text =>
    expect(() => durationOf(query(text), 'timeout')).toThrow(expect.objectContaining({ code: 400 })),
  )
})

describe('queries', () => {
  it('any query is read or refused with BadRequest', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), text => {
        try {
          parseListQuery(query(text), '')
          parseWatchQuery(query(text), '')
          parseMutationOptions(query(text), '')
        } catch (error) {
          return error instanceof StatusError && error.code === 400
        }
        return true
      }),
    )
  })
})
