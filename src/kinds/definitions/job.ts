import type { Job, JobSpec } from '../../kube/generated/types.ts'
import { formatAge, Kinds } from '../../kube/index.ts'
import { setTemplateDefaults } from '../pod/defaults.ts'
import { ageColumn, ageOf, nameColumn, nameOf, textColumn } from '../table/columns.ts'
import { templateCells, templateColumns } from '../table/workload.ts'
import { validateJob } from '../validation/job.ts'
import { type Draft, defineKind, type KindDefinition } from './definition.ts'

const MAX_INT32 = 2 ** 31 - 1
/** The labels by which the pods of a job are found, with the older names that readers still use. */
const UID_LABELS = ['batch.kubernetes.io/controller-uid', 'controller-uid'] as const
const NAME_LABELS = ['batch.kubernetes.io/job-name', 'job-name'] as const

export const jobKind: KindDefinition<Job> = defineKind(Kinds.Job, {
  definition: 'io.k8s.api.batch.v1.Job',
  inert: 'no controller makes pods of it',
  generation: 'spec',
  selectable: { 'status.successful': object => String(object.status?.succeeded ?? 0) },
  columns: [
    nameColumn,
    textColumn('Status', 'Whether it runs, has completed or has failed.'),
    textColumn('Completions', 'Pods that have succeeded of those wanted.'),
    textColumn('Duration', 'How long it ran, or has been running.'),
    ageColumn,
    ...templateColumns,
  ],
  row: (object, nowMs) => [
    nameOf(object),
    stateOf(object),
    completionsOf(object),
    durationOf(object, nowMs),
    ageOf(object, nowMs),
    ...templateCells(object.spec?.template?.spec, object.spec?.selector),
  ],
  setDefaults({ metadata, spec }) {
    if (spec === undefined) return
    setJobDefaults(spec)
    const labels = spec.template?.metadata?.labels
    if (labels !== undefined && metadata !== undefined && Object.keys(metadata.labels ?? {}).length === 0)
      metadata.labels = { ...labels }
    setTemplateDefaults(spec.template)
  },
  validate: validateJob,
  prepareForCreate(draft) {
    draft.status = {}
    if (draft.spec === undefined || draft.spec.manualSelector === true) return
    draft.spec = withOwnSelector(draft.spec, draft.metadata ?? {})
    // A job that has no labels has those of its pods, as it would by its defaults when it is read again.
    if (Object.keys(draft.metadata?.labels ?? {}).length === 0)
      draft.metadata = { ...draft.metadata, labels: { ...draft.spec.template?.metadata?.labels } }
  },
})

/** kubernetes `SetDefaults_Job`: a job that says nothing of its size is one pod. */
function setJobDefaults(spec: Draft<JobSpec>): void {
  if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1
  spec.parallelism ??= 1
  spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? 6 : MAX_INT32
  spec.completionMode ||= 'NonIndexed'
  spec.suspend ??= false
  spec.podReplacementPolicy ||= spec.podFailurePolicy === undefined ? 'TerminatingOrFailed' : 'Failed'
  spec.manualSelector ??= false
}

/** kubernetes `generateSelector`: its pods are those that carry its uid. What is there already is left for validation to judge. */
function withOwnSelector(
  spec: Draft<JobSpec>,
  { name = '', uid = '' }: { readonly name?: string | undefined; readonly uid?: string | undefined },
): Draft<JobSpec> {
  const labels: { [key: string]: string | undefined } = {}
  for (const label of NAME_LABELS) labels[label] = name
  for (const label of UID_LABELS) labels[label] = uid
  const { template, selector } = spec
  return {
    ...spec,
    selector: { ...selector, matchLabels: { [UID_LABELS[0]]: uid, ...selector?.matchLabels } },
    template: {
      ...template,
      metadata: { ...template?.metadata, labels: { ...labels, ...template?.metadata?.labels } },
    },
  }
}

function stateOf({ metadata, status }: Job): string {
  const isTrue = (type: string): boolean =>
    status?.conditions?.some(condition => condition.type === type && condition.status === 'True') === true
  if (isTrue('Complete')) return 'Complete'
  if (isTrue('Failed')) return 'Failed'
  if (metadata.deletionTimestamp !== undefined) return 'Terminating'
  if (isTrue('Suspended')) return 'Suspended'
  if (isTrue('FailureTarget')) return 'FailureTarget'
  if (isTrue('SuccessCriteriaMet')) return 'SuccessCriteriaMet'
  return 'Running'
}

function completionsOf({ spec, status }: Job): string {
  const { completions, parallelism = 0 } = spec ?? {}
  const succeeded = status?.succeeded ?? 0
  if (completions !== undefined) return `${succeeded}/${completions}`
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`
}

function durationOf({ status }: Job, nowMs: number): string {
  if (status?.startTime === undefined) return ''
  const end = status.completionTime === undefined ? nowMs : Date.parse(status.completionTime)
  return formatAge(end - Date.parse(status.startTime))
}
