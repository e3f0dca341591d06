import { groupVersionsOf } from '../../../kinds/index.ts'
import { publicWebKey, TOKEN_ALGORITHM, type TokenKey } from '../../../pki/index.ts'
import type { KindIndex } from '../contract.ts'
import { methodNotAllowed } from '../refusals.ts'
import type { Answer } from './answer.ts'
import { jsonAnswer, textAnswer } from './answer.ts'
import { discoveryDocument } from './discovery-route.ts'
import { type Exchange, pathNotFound } from './exchange.ts'
import type { KeptDocument } from './kept-document.ts'
import { negotiateDiscovery, negotiateOpenApiV2, requireJson } from './media-type.ts'
import { openApiDocument, openApiV2Document } from './openapi-route.ts'

/** What the server says of itself, for everyone who is authenticated. */
export interface DocumentParts {
  readonly version: VersionInfo
  /** The reasons why the server cannot serve yet or any more; empty when it can. */
  readonly unready: () => readonly string[]
  /** Who signs the tokens of ServiceAccounts; absent: nobody. */
  readonly issuer?: { readonly url: string; readonly key: TokenKey }
}

/** `GET /version`, as kubectl prints it. */
interface VersionInfo {
  readonly major: string
  readonly minor: string
  /** `v1.32.9+bowline-0.1.0`: the Kubernetes version whose behaviour is served. */
  readonly gitVersion: string
  readonly platform: string
}

const HEALTH: ReadonlySet<string> = new Set(['healthz', 'livez', 'readyz'])

/** Answers what is no resource: discovery, schemas, version, health. A StatusError of reason NotFound for every other path. */
export async function answerDocument(
  parts: DocumentParts & { readonly kinds: KindIndex },
  exchange: Exchange,
): Promise<Answer> {
  const [root = '', ...rest] = exchange.segments
  const answer = await documentAt(parts, exchange, root, rest)
  if (answer === undefined) throw pathNotFound()
  if (exchange.method !== 'GET') throw methodNotAllowed()
  return answer
}

async function documentAt(
  parts: DocumentParts & { readonly kinds: KindIndex },
  exchange: Exchange,
  root: string,
  rest: readonly string[],
): Promise<Answer | undefined> {
  const { headers } = exchange.request
  if (root === '' && rest.length === 0) {
    await parts.kinds.fresh(exchange.context)
    return jsonAnswer(200, { paths: rootPaths(parts) })
  }
  if (root === 'version' && rest.length === 0) return jsonAnswer(200, versionBody(parts.version))
  if (HEALTH.has(root) && rest.length <= 1) return healthAnswer(root, exchange.query.has('verbose'), parts)
  if (root === 'api' || root === 'apis') {
    const form = negotiateDiscovery(headers.accept)
    await parts.kinds.fresh(exchange.context)
    return keptAnswer(discoveryDocument(parts.kinds.all, root, rest, form), headers['if-none-match'])
  }
  if (parts.issuer !== undefined) {
    const path = [root, ...rest].join('/')
    if (path === '.well-known/openid-configuration') return jsonAnswer(200, issuerBody(parts.issuer))
    if (path === 'openid/v1/jwks')
      return {
        ...jsonAnswer(200, { keys: [publicWebKey(parts.issuer.key)] }),
        contentType: 'application/jwk-set+json',
      }
  }
  if (root === 'openapi' && rest[0] === 'v2' && rest.length === 1) {
    const form = negotiateOpenApiV2(headers.accept)
    await parts.kinds.fresh(exchange.context)
    return keptAnswer(await openApiV2Document(parts.kinds.all, form), headers['if-none-match'])
  }
  if (root === 'openapi' && rest[0] === 'v3') {
    requireJson(headers.accept)
    await parts.kinds.fresh(exchange.context)
    return keptAnswer(openApiDocument(parts.kinds.all, rest.slice(1)), headers['if-none-match'])
  }
  return undefined
}

/** What `/` tells of: every path at which there is a document. */
function rootPaths({ kinds, issuer }: DocumentParts & { readonly kinds: KindIndex }): readonly string[] {
  const groups = groupVersionsOf(kinds.all).flatMap(({ group, version }) =>
    group === '' ? ['/api', `/api/${version}`] : ['/apis', `/apis/${group}`, `/apis/${group}/${version}`],
  )
  const own = ['/openapi/v2', '/openapi/v3', '/version', ...[...HEALTH].map(probe => `/${probe}`)]
  const ofIssuer = issuer === undefined ? [] : ['/.well-known/openid-configuration', '/openid/v1/jwks']
  return [...new Set([...groups, ...own, ...ofIssuer])].sort()
}

/** The document, or 304 when the client has it already. */
function keptAnswer(document: KeptDocument | undefined, ifNoneMatch: string | undefined): Answer | undefined {
  if (document === undefined) return undefined
  const headers = { etag: document.etag, vary: 'Accept' }
  const isKnown = ifNoneMatch?.split(',').some(tag => tag.trim().replace(/^W\//, '') === document.etag)
  if (isKnown) return { type: 'not-modified', headers }
  return { type: 'bytes', code: 200, contentType: document.contentType, body: [document.body], headers }
}

/** With `verbose`, each check has a line, as upstream's have; there is one that always passes. */
function healthAnswer(probe: string, isVerbose: boolean, { unready }: DocumentParts): Answer {
  const reasons = probe === 'livez' ? [] : unready()
  if (reasons.length === 0) return textAnswer(200, isVerbose ? `[+]ping ok\n${probe} check passed\n` : 'ok')
  return textAnswer(500, `${reasons.map(reason => `[-]${reason}`).join('\n')}\n${probe} check failed\n`)
}

/** OpenID Connect discovery: how others check the tokens of ServiceAccounts without asking this server about each. */
function issuerBody({ url }: NonNullable<DocumentParts['issuer']>): object {
  return {
    issuer: url,
    jwks_uri: `${url}/openid/v1/jwks`,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: [TOKEN_ALGORITHM],
  }
}

function versionBody({ major, minor, gitVersion, platform }: VersionInfo): object {
  return {
    major,
    minor,
    gitVersion,
    gitCommit: '',
    gitTreeState: 'clean',
    buildDate: '1970-01-01T00:00:00Z',
    goVersion: '',
    compiler: '',
    platform,
  }
}
