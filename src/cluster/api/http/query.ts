import { StatusError } from '../../../kube/index.ts'
import type { DeletionOptions, ListQuery, MutationOptions, WatchQuery } from '../contract.ts'

const MAX_FIELD_MANAGER = 128
const FIELD_VALIDATIONS = ['Ignore', 'Warn', 'Strict'] as const
const MATCHES = ['', 'Exact', 'NotOlderThan'] as const
const POLICIES = ['', 'Background', 'Foreground', 'Orphan'] as const

/** What a list, a watch or a deletecollection selects. `namespace` comes from the path. */
export function parseListQuery(query: URLSearchParams, namespace: string): ListQuery {
  return {
    namespace,
    labelSelector: textOf(query, 'labelSelector'),
    fieldSelector: textOf(query, 'fieldSelector'),
    limit: integerOf(query, 'limit') ?? 0,
    continue: textOf(query, 'continue'),
    resourceVersion: resourceVersionOf(query),
    resourceVersionMatch: choiceOf(query, 'resourceVersionMatch', MATCHES, ''),
  }
}

export function parseWatchQuery(query: URLSearchParams, namespace: string): WatchQuery {
  return {
    namespace,
    labelSelector: textOf(query, 'labelSelector'),
    fieldSelector: textOf(query, 'fieldSelector'),
    resourceVersion: resourceVersionOf(query),
    allowWatchBookmarks: flagOf(query, 'allowWatchBookmarks'),
    sendInitialEvents: flagOf(query, 'sendInitialEvents'),
  }
}

/** True for `?watch=true` and what upstream reads alike: every value but `false` and `0`. */
export function isWatch(query: URLSearchParams): boolean {
  return flagOf(query, 'watch')
}

/** How long a watch may last in seconds; undefined leaves it to the server. */
export function timeoutSecondsOf(query: URLSearchParams): number | undefined {
  const seconds = integerOf(query, 'timeoutSeconds')
  return seconds === 0 ? undefined : seconds
}

export function parseMutationOptions(query: URLSearchParams, subresource: string): MutationOptions {
  return {
    subresource,
    fieldManager: fieldManagerOf(query),
    fieldValidation: choiceOf(query, 'fieldValidation', FIELD_VALIDATIONS, 'Warn'),
    dryRun: isDryRun(query.getAll('dryRun')),
  }
}

/** `force` of an apply. */
export function isForced(query: URLSearchParams): boolean {
  return flagOf(query, 'force')
}

/** The options of a deletion: the body's (a `DeleteOptions`) when there is one, else the query's. */
export function parseDeletionOptions(
  query: URLSearchParams,
  body: { readonly [key: string]: unknown } | undefined,
): DeletionOptions {
  if (body !== undefined) return deletionOptionsOfBody(body, query)
  return {
    propagationPolicy: choiceOf(
      query,
      'propagationPolicy',
      POLICIES,
      orphanPolicy(textOf(query, 'orphanDependents')),
    ),
    gracePeriodSeconds: integerOf(query, 'gracePeriodSeconds'),
    preconditionUid: '',
    preconditionResourceVersion: '',
    dryRun: isDryRun(query.getAll('dryRun')),
  }
}

/** A query's integer, or undefined when it is absent or empty. */
export function integerOf(query: URLSearchParams, name: string): number | undefined {
  const text = textOf(query, name)
  if (text === '') return undefined
  const value = Number(text)
  if (!/^\d{1,15}$/.test(text) || !Number.isSafeInteger(value))
    throw badQuery(name, text, 'it must be a whole number, 0 or more')
  return value
}

/** Upstream's reading of booleans in queries: present means true, but for `false` and `0`. */
export function flagOf(query: URLSearchParams, name: string): boolean {
  const value = query.get(name)
  return value !== null && value !== '0' && value.toLowerCase() !== 'false'
}

/** Go's duration text (`32s`, `1m30s`, `500ms`) in ms; undefined when absent. */
export function durationOf(query: URLSearchParams, name: string): number | undefined {
  const text = textOf(query, name)
  if (text === '') return undefined
  const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }
  if (!/^(\d{1,9}(\.\d{1,9})?(ms|s|m|h))+$/.test(text))
    throw badQuery(name, text, 'it must be a duration such as 30s')
  let total = 0
  for (const [, number = '0', , unit = 's'] of text.matchAll(/(\d+(\.\d+)?)(ms|s|m|h)/g))
    total += Number(number) * (units[unit] ?? 0)
  return total
}

export function badQuery(name: string, value: string, expected: string): StatusError {
  return new StatusError(
    'BadRequest',
    `invalid query parameter ${name}=${JSON.stringify(value.slice(0, 64))}: ${expected}`,
  )
}

function textOf(query: URLSearchParams, name: string): string {
  return query.get(name) ?? ''
}

function choiceOf<T extends string>(
  query: URLSearchParams,
  name: string,
  choices: readonly T[],
  fallback: T,
): T {
  const text = query.get(name)
  if (text === null || text === '') return fallback
  return choiceFrom(name, text, choices)
}

function choiceFrom<T extends string>(name: string, text: string, choices: readonly T[]): T {
  const found = choices.find(choice => choice === text)
  if (found === undefined)
    throw badQuery(name, text, `it must be one of ${choices.filter(choice => choice !== '').join(', ')}`)
  return found
}

function resourceVersionOf(query: URLSearchParams): string {
  const text = textOf(query, 'resourceVersion')
  if (text !== '' && !/^\d{1,15}$/.test(text))
    throw badQuery('resourceVersion', text, 'it must be a number that the server gave out')
  return text
}

function fieldManagerOf(query: URLSearchParams): string {
  const text = textOf(query, 'fieldManager')
  if (text.length > MAX_FIELD_MANAGER)
    throw badQuery('fieldManager', text, `it may have at most ${MAX_FIELD_MANAGER} characters`)
  if (!/^\P{C}*$/u.test(text)) throw badQuery('fieldManager', text, 'it must be printable text')
  return text
}

function isDryRun(values: readonly unknown[]): boolean {
  for (const value of values)
    if (value !== 'All' && value !== '') throw badQuery('dryRun', String(value), 'it must be All')
  return values.includes('All')
}

function orphanPolicy(orphanDependents: string): '' | 'Background' | 'Orphan' {
  if (orphanDependents === '') return ''
  return orphanDependents === 'true' ? 'Orphan' : 'Background'
}

function deletionOptionsOfBody(
  body: { readonly [key: string]: unknown },
  query: URLSearchParams,
): DeletionOptions {
  const { propagationPolicy = '', gracePeriodSeconds, preconditions, dryRun, orphanDependents } = body
  const grace = gracePeriodSeconds ?? undefined
  if (grace !== undefined && !(typeof grace === 'number' && Number.isSafeInteger(grace)))
    throw badBody('gracePeriodSeconds must be a whole number')
  if (propagationPolicy !== null && typeof propagationPolicy !== 'string')
    throw badBody('propagationPolicy must be a string')
  const { uid, resourceVersion } = (preconditions ?? {}) as {
    readonly uid?: unknown
    readonly resourceVersion?: unknown
  }
  const policy =
    propagationPolicy || orphanPolicy(orphanDependents === undefined ? '' : String(orphanDependents))
  return {
    propagationPolicy: policy === '' ? '' : choiceFrom('propagationPolicy', policy, POLICIES),
    gracePeriodSeconds: grace,
    preconditionUid: optionalText(uid, 'preconditions.uid'),
    preconditionResourceVersion: optionalText(resourceVersion, 'preconditions.resourceVersion'),
    dryRun: isDryRun([...query.getAll('dryRun'), ...(Array.isArray(dryRun) ? dryRun : [])]),
  }
}

function optionalText(value: unknown, field: string): string {
  if (value === undefined || value === null) return ''
  if (typeof value !== 'string') throw badBody(`${field} must be a string`)
  return value
}

function badBody(state: string): StatusError {
  return new StatusError('BadRequest', `the body of the request is no DeleteOptions: ${state}`)
}
