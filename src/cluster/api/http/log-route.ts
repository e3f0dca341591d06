import { Kinds, type Pod, StatusError } from '../../../kube/index.ts'
import { isUnlimited, systemIdentity } from '../auth/identity.ts'
import { requireAllowed } from '../auth/require-allowed.ts'
import type { Authorizer, Verbs } from '../contract.ts'
import { methodNotAllowed } from '../refusals.ts'
import type { Tunnels } from '../tunnel/tunnels.ts'
import type { Answer } from './answer.ts'
import { statusAnswer } from './answer.ts'
import type { ApiPath } from './api-path.ts'
import type { Exchange } from './exchange.ts'
import { badQuery, flagOf, integerOf } from './query.ts'

export interface LogParts {
  readonly verbs: Verbs
  readonly authorizer: Authorizer
  readonly tunnels: Tunnels
}

const DEFAULT_CONTAINER = 'kubectl.kubernetes.io/default-container'

/** What of a refusal by an agent is told on. */
const MAX_AGENT_MESSAGE = 4096

/** `GET …/pods/<name>/log`: the container's output, fetched from the pod's node over that node's tunnel. */
export async function answerLog(parts: LogParts, exchange: Exchange, path: ApiPath): Promise<Answer> {
  const { method, query, context } = exchange
  const { namespace, name } = path
  if (method !== 'GET') throw methodNotAllowed()
  const { user, audit, signal, userAgent } = context
  requireAllowed(parts.authorizer, {
    user,
    verb: 'get',
    group: '',
    resource: 'pods',
    subresource: 'log',
    namespace,
    name,
    fieldSelector: '',
  })
  const options = logQuery(query)
  // Who may read a pod's log need not be allowed to read the pod: it is looked up in the server's own name.
  const reader = { user: systemIdentity('pod-log'), warnings: [], audit, signal, userAgent }
  const pod = (await parts.verbs.get(reader, Kinds.Pod, namespace, name, '')).object as Pod
  const container = chooseContainer(pod, query.get('container') ?? '')
  const nodeName = pod.spec?.nodeName ?? ''
  // Upstream answers nothing, successfully, for a pod that no node has yet.
  if (nodeName === '') return { type: 'stream', code: 200, contentType: 'text/plain', body: nothing() }
  const target = [namespace, name, container].map(encodeURIComponent).join('/')
  const answer = await parts.tunnels.request(nodeName, {
    method: 'GET',
    path: `/containerLogs/${target}${options}`,
    signal,
    reader: isUnlimited(user) ? undefined : user.username,
  })
  if (answer.status === 200)
    return { type: 'stream', code: 200, contentType: 'text/plain', body: answer.body }
  return statusAnswer(await agentRefusal(answer.status, answer.body))
}

/** The options that the agent understands, checked; as the text of a query. */
function logQuery(query: URLSearchParams): string {
  const passed = new URLSearchParams()
  for (const name of ['follow', 'previous', 'timestamps']) if (flagOf(query, name)) passed.set(name, 'true')
  const tailLines = integerOf(query, 'tailLines')
  if (tailLines !== undefined) passed.set('tailLines', String(tailLines))
  const limitBytes = integerOf(query, 'limitBytes')
  if (limitBytes === 0) throw badQuery('limitBytes', '0', 'it must be greater than 0')
  if (limitBytes !== undefined) passed.set('limitBytes', String(limitBytes))
  const sinceSeconds = integerOf(query, 'sinceSeconds')
  const sinceTime = query.get('sinceTime') ?? ''
  if (sinceSeconds !== undefined && sinceTime !== '')
    throw new StatusError('BadRequest', 'at most one of sinceTime or sinceSeconds may be specified')
  if (sinceSeconds === 0) throw badQuery('sinceSeconds', '0', 'it must be greater than 0')
  if (sinceSeconds !== undefined) passed.set('sinceSeconds', String(sinceSeconds))
  if (sinceTime !== '') {
    if (Number.isNaN(Date.parse(sinceTime)))
      throw badQuery('sinceTime', sinceTime, 'it must be a time such as 2006-01-02T15:04:05Z')
    passed.set('sinceTime', sinceTime)
  }
  const text = passed.toString()
  return text === '' ? '' : `?${text}`
}

function chooseContainer({ metadata, spec }: Pod, wanted: string): string {
  const names = (spec?.containers ?? []).map(({ name }) => name)
  const initNames = (spec?.initContainers ?? []).map(({ name }) => name)
  if (wanted !== '') {
    if (names.includes(wanted) || initNames.includes(wanted)) return wanted
    throw new StatusError('BadRequest', `container ${wanted} is not valid for pod ${metadata.name}`)
  }
  const preferred = metadata.annotations?.[DEFAULT_CONTAINER]
  if (preferred !== undefined && names.includes(preferred)) return preferred
  const [only] = names
  if (only !== undefined && names.length === 1 && initNames.length === 0) return only
  const inits = initNames.length === 0 ? '' : ` or one of the init containers: [${initNames.join(' ')}]`
  throw new StatusError(
    'BadRequest',
    `a container name must be specified for pod ${metadata.name}, choose one of: [${names.join(' ')}]${inits}`,
  )
}

async function* nothing(): AsyncGenerator<Buffer, void, void> {}

/** An agent refuses in words; they reach the person who asked as a Status. */
async function agentRefusal(status: number, body: AsyncIterable<Uint8Array>): Promise<StatusError> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of body) {
    chunks.push(chunk)
    length += chunk.length
    if (length >= MAX_AGENT_MESSAGE) break
  }
  const message = Buffer.concat(chunks).toString('utf8').slice(0, MAX_AGENT_MESSAGE).trim()
  return StatusError.fromStatus({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    code: status,
    message: message || `the node answered ${status}`,
  })
}
