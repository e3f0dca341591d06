import type { App } from '../../kube/generated/types.ts'
import { dnsLabelProblems, Kinds } from '../../kube/index.ts'
import { ageColumn, ageOf, nameColumn, nameOf, numberColumn, textColumn, wide } from '../table/columns.ts'
import { defineKind, type KindDefinition } from './definition.ts'

export const appKind: KindDefinition<App> = defineKind(Kinds.App, {
  definition: 'dev.bowline.v1alpha1.App',
  generation: 'spec',
  selectable: { 'status.phase': object => object.status?.phase ?? '' },
  columns: [
    nameColumn,
    textColumn('Phase', 'Pending, Progressing, Healthy, Failed or Held.'),
    textColumn('Revision', 'The last commit that was looked at.'),
    numberColumn('Objects', 'How many objects Git owns through the app.'),
    textColumn('Message', 'Why the app is in its phase.'),
    wide(textColumn('Repository', 'Where the manifests come from.')),
    wide(textColumn('Path', 'The folder in the repository.')),
    ageColumn,
  ],
  row: (object, nowMs) => [
    nameOf(object),
    object.status?.phase ?? 'Pending',
    (object.status?.observedRevision ?? '').slice(0, 7),
    object.status?.objects ?? 0,
    object.status?.message ?? '',
    object.spec.source.repository,
    object.spec.source.path,
    ageOf(object, nowMs),
  ],
  validate(object, problems) {
    const { source, namespace } = object.spec ?? {}
    const { repository = '', branch = '', path = '' } = source ?? {}
    if (source !== undefined && repository === '') problems.required('spec.source.repository')
    else if (source !== undefined && !repository.startsWith('/') && !/^https?:\/\/[^/]/.test(repository))
      problems.invalid('spec.source.repository', repository, 'must be an absolute path or an http(s) URL')
    if (source !== undefined && branch === '') problems.required('spec.source.branch')
    if (path.startsWith('/') || path.split('/').includes('..'))
      problems.invalid(
        'spec.source.path',
        path,
        "must be relative and stay inside the repository: no leading '/', no '..'",
      )
    if (namespace !== undefined && namespace !== '')
      problems.invalidEach('spec.namespace', namespace, dnsLabelProblems(namespace))
  },
})
