import { deepEqual } from '../base/index.ts'
import type { Client, Informer } from '../client/index.ts'
import { type App, type AppStatus, apiVersionOf, isNotFound, Kinds } from '../kube/index.ts'
import type { SourceProblem } from '../sync/index.ts'
import type { AppReporter } from './app-report.ts'
import type { RevisionNews } from './source-runner.ts'

/** The field manager of child apps. */
const APP_MANAGER = 'bowline-pipeline'

type Phase = NonNullable<AppStatus['phase']>

/** From the one that needs a person most to the one that needs nobody. */
const SEVERITY: readonly Phase[] = ['Failed', 'Held', 'Progressing', 'Pending', 'Healthy']

/** App objects: the root that names a repository, and the children that its `bowline.yaml` makes of it. */
export class AppTree {
  readonly #client: Client
  readonly #apps: Informer<App>
  readonly #reporter: AppReporter

  constructor(parts: {
    readonly client: Client
    readonly apps: Informer<App>
    readonly reporter: AppReporter
  }) {
    this.#client = parts.client
    this.#apps = parts.apps
    this.#reporter = parts.reporter
  }

  children(root: App): readonly App[] {
    return this.#apps
      .list()
      .filter(({ metadata }) => metadata.ownerReferences?.some(({ uid }) => uid === root.metadata.uid))
  }

  /** Makes the App of every app of the revision, and corrects what has moved; nothing for the root itself. */
  async ensureChildren(root: App, { revision }: RevisionNews): Promise<void> {
    for (const { name, folder, namespace } of revision.apps) {
      if (name === root.metadata.name) continue
      const spec: App['spec'] = { source: { ...root.spec.source, path: folder }, namespace }
      if (deepEqual(this.#apps.get(name)?.spec, spec)) continue
      await this.#client.patch(
        Kinds.App,
        name,
        { type: 'apply', force: true, body: childOf(root, name, spec) },
        { fieldManager: APP_MANAGER },
      )
    }
  }

  /** Deletes the App of an app that owns nothing any more and that Git no longer has. Roots stay. */
  async retire(name: string): Promise<void> {
    if (!this.#apps.get(name)?.metadata.ownerReferences?.length) return
    await this.#client.delete(Kinds.App, name).catch(error => {
      if (!isNotFound(error)) throw error
    })
  }

  /** Says on the root what was looked at, and which apps it touches, before their lanes begin; `emptied` are those that left Git. */
  async reportRevision(
    root: App,
    { revision, targets, names }: RevisionNews,
    emptied: readonly string[],
  ): Promise<void> {
    const { commit, diagnostics } = revision
    const broken = diagnostics[0]
    await this.#reporter.update(root.metadata.name ?? '', ({ metadata, status }) => {
      const { hold: _, ...before } = status ?? {}
      return {
        ...(names.has(root.metadata.name ?? '') ? status : before),
        observedGeneration: metadata.generation ?? 1,
        observedRevision: commit.id,
        commit: {
          id: commit.id,
          subject: commit.subject,
          author: commit.author.name,
          committedAt: commit.committer.time,
        },
        apps: {
          total: names.size + emptied.length,
          affected: [...targets.map(({ app }) => app), ...emptied],
        },
        diagnostics: diagnostics.map(diagnostic => ({ ...diagnostic })),
        ...(broken === undefined
          ? {}
          : {
              phase: 'Held' as const,
              message: `${broken.file}:${broken.line}:${broken.column}: ${broken.message}`,
            }),
      }
    })
    this.rollUp(root)
  }

  /** The source gives no revision: said on the root, and nothing else changes. */
  async reportProblem(root: App, { message }: SourceProblem): Promise<void> {
    await this.#reporter.update(root.metadata.name ?? '', ({ metadata, status }) => ({
      ...status,
      observedGeneration: metadata.generation ?? 1,
      phase: 'Failed',
      message,
    }))
  }

  /** A root with children is as well as the worst of them. */
  rollUp(root: App): void {
    const children = this.children(root)
    if (children.length === 0) return
    void this.#reporter.update(root.metadata.name ?? '', ({ status }) => {
      if ((status?.diagnostics?.length ?? 0) > 0) return status ?? {}
      return { ...status, ...summarise(children) }
    })
  }
}

function summarise(children: readonly App[]): { phase: Phase; message: string; objects: number } {
  const counts = new Map<Phase, number>()
  for (const { status } of children)
    counts.set(status?.phase ?? 'Pending', (counts.get(status?.phase ?? 'Pending') ?? 0) + 1)
  const phase = SEVERITY.find(candidate => counts.has(candidate)) ?? 'Pending'
  const message = SEVERITY.flatMap(word =>
    counts.has(word) ? [`${counts.get(word)} ${word.toLowerCase()}`] : [],
  ).join(', ')
  const objects = children.reduce((sum, { status }) => sum + (status?.objects ?? 0), 0)
  return { phase, message: `${children.length} apps: ${message}`, objects }
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
