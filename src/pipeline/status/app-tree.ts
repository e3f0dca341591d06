import { deepEqual, Limit } from '../../base/index.ts'
import type { Client, Informer } from '../../client/index.ts'
import { type App, apiVersionOf, type Diagnostic, isNotFound, Kinds } from '../../kube/index.ts'
import type { AppRevision, Revision } from '../../sync/index.ts'

/** The field manager of child apps. */
const APP_MANAGER = 'bowline-pipeline'

/** Writes in flight at once. */
const IN_FLIGHT = 16

/** The index of Apps by the uid of the App that owns them. */
const BY_ROOT = 'bowline.root'

/** App objects: the root that names a repository, and the children that its `bowline.yaml` makes of it. */
export class AppTree {
  readonly #client: Client
  readonly #apps: Informer<App>

  constructor({ client, apps }: { readonly client: Client; readonly apps: Informer<App> }) {
    this.#client = client
    this.#apps = apps
    apps.addIndex(BY_ROOT, ({ metadata }) => metadata.ownerReferences?.map(({ uid }) => uid) ?? [])
  }

  get(name: string): App | undefined {
    return this.#apps.get(name)
  }

  children(root: App): readonly App[] {
    return this.#apps.byIndex(BY_ROOT, root.metadata.uid ?? '')
  }

  /** The root that made an app; undefined for a root and for an app whose root is gone. */
  rootOf({ metadata }: App): App | undefined {
    const owner = metadata.ownerReferences?.find(({ kind }) => kind === 'App')
    const root = owner === undefined ? undefined : this.#apps.get(owner.name)
    return root?.metadata.uid === owner?.uid ? root : undefined
  }

  /** The apps of a revision whose names belong to another repository's apps: they cannot be this root's as well. */
  findClashes(root: App, { apps }: Revision): readonly Diagnostic[] {
    return apps.flatMap(({ name, folder }) => {
      const taken = this.#apps.get(name)
      if (taken === undefined || isOwnedBy(taken, root)) return []
      const other = this.rootOf(taken)?.metadata.name ?? name
      return {
        ...{ file: folder, line: 1, column: 1, code: 'bad-app' },
        message: `there is an app "${name}" of another repository already`,
        hint: `rename the folder; or end the other one with \`kubectl delete app ${other}\`: what runs stays, and is this one's then`,
      }
    })
  }

  /** Makes the App of every app, and corrects what has moved; nothing for the root itself. */
  async ensureChildren(root: App, apps: readonly AppRevision[]): Promise<void> {
    const limit = new Limit(IN_FLIGHT)
    await Promise.all(
      apps.map(({ name, folder, namespace }) => {
        const spec: App['spec'] = { source: { ...root.spec.source, path: folder }, namespace }
        const isThere = name === root.metadata.name || deepEqual(this.#apps.get(name)?.spec, spec)
        return isThere ? undefined : limit.run(() => this.#ensureChild(root, name, spec))
      }),
    )
  }

  /** Deletes the App of an app that owns nothing any more and that Git no longer has. Roots stay. */
  async retire(name: string): Promise<void> {
    if (!this.#apps.get(name)?.metadata.ownerReferences?.length) return
    await this.#client.delete(Kinds.App, name).catch(error => {
      if (!isNotFound(error)) throw error
    })
  }

  async #ensureChild(root: App, name: string, spec: App['spec']): Promise<void> {
    const body = childOf(root, name, spec)
    await this.#client.patch(
      Kinds.App,
      name,
      { type: 'apply', force: true, body },
      { fieldManager: APP_MANAGER },
    )
  }
}

function isOwnedBy({ metadata }: App, root: App): boolean {
  const isRoot = metadata.uid === root.metadata.uid
  return isRoot || metadata.ownerReferences?.some(({ uid }) => uid === root.metadata.uid) === true
}

function childOf(root: App, name: string, spec: App['spec']): App {
  return {
    apiVersion: apiVersionOf(Kinds.App) as App['apiVersion'],
    kind: 'App',
    metadata: {
      name,
      ownerReferences: [
        {
          apiVersion: root.apiVersion,
          kind: 'App',
          name: root.metadata.name ?? '',
          uid: root.metadata.uid ?? '',
          controller: true,
          blockOwnerDeletion: false,
        },
      ],
    },
    spec,
  }
}
