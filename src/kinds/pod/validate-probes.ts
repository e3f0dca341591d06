import type {
  Container,
  ExecAction,
  GRPCAction,
  HTTPGetAction,
  LifecycleHandler,
  Probe,
  TCPSocketAction,
} from '../../kube/generated/types.ts'
import { portNameProblems, portNumberProblems } from '../../kube/index.ts'
import type { Draft } from '../definitions/definition.ts'
import type { Problems } from '../validation/problems.ts'

const NEGATIVE = 'must be greater than or equal to 0'

/** Liveness, readiness and startup probes of a container. */
export function validateProbes(container: Draft<Container>, path: string, problems: Problems): void {
  const { livenessProbe, readinessProbe, startupProbe } = container
  if (livenessProbe !== undefined) {
    validateProbe(livenessProbe, `${path}.livenessProbe`, problems)
    mustSucceedOnce(livenessProbe, `${path}.livenessProbe`, problems)
  }
  if (readinessProbe !== undefined) {
    validateProbe(readinessProbe, `${path}.readinessProbe`, problems)
    if (readinessProbe.terminationGracePeriodSeconds !== undefined) {
      problems.invalid(
        `${path}.readinessProbe.terminationGracePeriodSeconds`,
        readinessProbe.terminationGracePeriodSeconds,
        'must not be set for readinessProbes',
      )
    }
  }
  if (startupProbe !== undefined) {
    validateProbe(startupProbe, `${path}.startupProbe`, problems)
    mustSucceedOnce(startupProbe, `${path}.startupProbe`, problems)
  }
}

/** What runs after a container starts and before it stops. */
export function validateLifecycle({ lifecycle }: Draft<Container>, path: string, problems: Problems): void {
  for (const hook of ['postStart', 'preStop'] as const) {
    const handler = lifecycle?.[hook]
    if (handler !== undefined) validateHandler(handler, `${path}.lifecycle.${hook}`, problems)
  }
}

function validateProbe(probe: Draft<Probe>, path: string, problems: Problems): void {
  validateHandler(probe, path, problems)
  const times = [
    'initialDelaySeconds',
    'timeoutSeconds',
    'periodSeconds',
    'successThreshold',
    'failureThreshold',
  ] as const
  for (const field of times) {
    const value = probe[field]
    if (value !== undefined && value < 0) problems.invalid(`${path}.${field}`, value, NEGATIVE)
  }
  const { terminationGracePeriodSeconds: grace } = probe
  if (grace !== undefined && grace <= 0)
    problems.invalid(`${path}.terminationGracePeriodSeconds`, grace, 'must be greater than 0')
}

function mustSucceedOnce({ successThreshold }: Draft<Probe>, path: string, problems: Problems): void {
  if (successThreshold !== undefined && successThreshold !== 1)
    problems.invalid(`${path}.successThreshold`, successThreshold, 'must be 1')
}

interface Handler {
  readonly exec?: Draft<ExecAction> | undefined
  readonly httpGet?: Draft<HTTPGetAction> | undefined
  readonly tcpSocket?: Draft<TCPSocketAction> | undefined
  readonly grpc?: Draft<GRPCAction> | undefined
  readonly sleep?: Draft<LifecycleHandler>['sleep']
}

function validateHandler(handler: Handler, path: string, problems: Problems): void {
  const { exec, httpGet, tcpSocket, grpc, sleep } = handler
  const present = Object.entries({ exec, httpGet, tcpSocket, grpc, sleep }).filter(
    ([, value]) => value !== undefined,
  )
  if (present.length === 0) problems.required(path, 'must specify a handler type')
  for (const [name] of present.slice(1))
    problems.forbidden(`${path}.${name}`, 'may not specify more than 1 handler type')

  if (exec !== undefined && (exec.command?.length ?? 0) === 0) problems.required(`${path}.exec.command`)
  if (httpGet !== undefined) {
    if (!httpGet.path) problems.required(`${path}.httpGet.path`)
    validatePort(httpGet.port, `${path}.httpGet.port`, problems)
    httpGet.httpHeaders?.forEach(({ name = '' }, index) => {
      if (!/^[-A-Za-z0-9]+$/.test(name)) {
        problems.invalid(
          `${path}.httpGet.httpHeaders[${index}].name`,
          name,
          "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')",
        )
      }
    })
  }
  if (tcpSocket !== undefined) validatePort(tcpSocket.port, `${path}.tcpSocket.port`, problems)
  if (grpc !== undefined) validatePort(grpc.port, `${path}.grpc.port`, problems)
  if (sleep?.seconds !== undefined && sleep.seconds <= 0)
    problems.invalid(
      `${path}.sleep`,
      sleep.seconds,
      'must be greater than 0 and less than terminationGracePeriodSeconds',
    )
}

/** A number, or the name of a port of the container. An absent one is the schema's finding. */
function validatePort(port: number | string | undefined, path: string, problems: Problems): void {
  if (typeof port === 'number') problems.invalidEach(path, port, portNumberProblems(port))
  else if (port !== undefined) problems.invalidEach(path, port, portNameProblems(port))
}
