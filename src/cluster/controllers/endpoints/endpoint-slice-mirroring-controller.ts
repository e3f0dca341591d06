import type { Service as Part } from '../../../base/index.ts'
import type { Informer } from '../../../client/index.ts'
import { LAST_APPLIED_ANNOTATION } from '../../../kinds/index.ts'
import { type Endpoints, Kinds, type Service } from '../../../kube/index.ts'
import { ControlLoop, type ControllerContext, type ReconcileResult } from '../control-loop.ts'
import { EXPECTATION_TIMEOUT_MS } from '../expectations.ts'
import { KeptSlices, type WantedSlices } from './kept-slices.ts'
import { mirroredContent } from './mirrored-content.ts'
import { hasSelector } from './service-selection.ts'
import { ENDPOINTS_MANAGED_BY } from './slice-metadata.ts'

const NAME = 'endpoint-slice-mirroring-controller'
const SKIP = 'endpointslice.kubernetes.io/skip-mirror'
const LEADER = 'control-plane.alpha.kubernetes.io/leader'
const OVER_CAPACITY = 'endpoints.kubernetes.io/over-capacity'

/**
 * Gives the Endpoints that somebody wrote for a service without a selector the form that is routed by: slices. Endpoints that say
 * that they are not to be mirrored are left alone, as are those of leader elections.
 */
export class EndpointSliceMirroringController implements Part {
  readonly #loop: ControlLoop
  readonly #services: Informer<Service>
  readonly #endpoints: Informer<Endpoints>
  readonly #slices: KeptSlices

  constructor(context: ControllerContext) {
    this.#loop = new ControlLoop(context, { name: NAME, reconcile: key => this.#reconcile(key) })
    this.#services = this.#loop.follow(Kinds.Service, this.#loop.enqueue)
    this.#endpoints = this.#loop.follow(Kinds.Endpoints, this.#loop.enqueue)
    this.#slices = new KeptSlices(context, this.#loop, 'endpointslicemirroring-controller.k8s.io')
  }

  start(signal: AbortSignal): Promise<void> {
    return this.#loop.start(signal)
  }

  async #reconcile(key: string): Promise<ReconcileResult | undefined> {
    if (!this.#slices.isSettled(key)) return { requeueAfterMs: EXPECTATION_TIMEOUT_MS }
    const service = this.#services.get(key)
    const endpoints = this.#endpoints.get(key)
    const isMirrored =
      service !== undefined && !hasSelector(service) && endpoints !== undefined && isToBeMirrored(endpoints)
    const plan = this.#slices.plan(key, isMirrored ? wantedSlices(endpoints) : undefined)
    await this.#slices.write(key, plan, endpoints)
    return undefined
  }
}

function isToBeMirrored({ metadata }: Endpoints): boolean {
  return metadata.labels?.[SKIP] !== 'true' && metadata.annotations?.[LEADER] === undefined
}

function wantedSlices(endpoints: Endpoints): WantedSlices {
  const { [ENDPOINTS_MANAGED_BY]: _, ...labels } = endpoints.metadata.labels ?? {}
  const {
    [LAST_APPLIED_ANNOTATION]: __,
    [OVER_CAPACITY]: ___,
    ...annotations
  } = endpoints.metadata.annotations ?? {}
  return { owner: endpoints, groups: mirroredContent(endpoints), labels, annotations }
}
