import { deepEqual, type Service } from '../../../base/index.ts'
import { type Client, type Informer, ifFound } from '../../../client/index.ts'
import { groupVersionsOf } from '../../../kinds/index.ts'
import {
  type APIService,
  allKinds,
  type CustomResourceDefinition,
  formatTime,
  Kinds,
} from '../../../kube/index.ts'
import { ControlLoop, type ControllerContext } from '../control-loop.ts'
import { deleteObject } from '../delete-object.ts'
import { withAvailability } from './availability.ts'
import { AUTOMANAGED, registrationName, wantedRegistrations } from './wanted-registrations.ts'

const NAME = 'api-registration-controller'

/**
 * Keeps an APIService for every version of every group that is served, those of CustomResourceDefinitions too, and says of each whether
 * it is available (kube-aggregator `controllers/autoregister` and `controllers/status`). Unlike upstream's, one that is deleted comes
 * back: nothing would stop being served without it.
 */
export class ApiRegistrationController implements Service {
  readonly #client: Client
  readonly #loop: ControlLoop
  readonly #context: ControllerContext
  readonly #registrations: Informer<APIService>
  readonly #definitions: Informer<CustomResourceDefinition>

  constructor(context: ControllerContext) {
    this.#client = context.client
    this.#context = context
    this.#loop = new ControlLoop(context, { name: NAME, reconcile: key => this.#reconcile(key) })
    this.#registrations = this.#loop.follow(Kinds.APIService, this.#loop.enqueue)
    this.#definitions = this.#loop.follow(Kinds.CustomResourceDefinition, ({ spec }) => {
      for (const { name } of spec.versions) this.#loop.add(registrationName(spec.group, name))
    })
    for (const name of wantedRegistrations(groupVersionsOf(allKinds), []).keys()) this.#loop.add(name)
  }

  start(signal: AbortSignal): Promise<void> {
    return this.#loop.start(signal)
  }

  async #reconcile(name: string): Promise<void> {
    const wanted = wantedRegistrations(groupVersionsOf(allKinds), this.#definitions.list()).get(name)
    const current = this.#registrations.get(name)
    const isOwn = current?.metadata.labels?.[AUTOMANAGED] !== undefined
    if (current === undefined) {
      if (wanted !== undefined) await this.#client.create(Kinds.APIService, wanted)
    } else if (isOwn && wanted === undefined) await deleteObject(this.#client, Kinds.APIService, current)
    else if (isOwn && wanted !== undefined && !isAs(current, wanted))
      await ifFound(this.#client.update(Kinds.APIService, withContent(current, wanted)))
    else await this.#tell(current)
  }

  async #tell(registration: APIService): Promise<void> {
    const next = withAvailability(registration, formatTime(this.#context.clock.now()))
    if (next === registration) return
    await ifFound(this.#client.update(Kinds.APIService, next, { subresource: 'status' }))
  }
}

function isAs(current: APIService, wanted: APIService): boolean {
  const label = (of: APIService) => of.metadata.labels?.[AUTOMANAGED]
  return deepEqual(current.spec, wanted.spec) && label(current) === label(wanted)
}

/** What is wanted, with what others wrote of it. */
function withContent({ metadata, ...rest }: APIService, wanted: APIService): APIService {
  const labels = { ...metadata.labels, ...wanted.metadata.labels }
  return { ...rest, metadata: { ...metadata, labels }, ...(wanted.spec ? { spec: wanted.spec } : {}) }
}
