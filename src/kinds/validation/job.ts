import { deepEqual } from '../../base/index.ts'
import type { Job, JobSpec, JobStatus } from '../../kube/generated/types.ts'
import {
  dnsLabelProblems,
  labelKeyProblems,
  labelSelectorFromObject,
  matchesLabels,
} from '../../kube/index.ts'
import type { Draft } from '../definitions/definition.ts'
import { validatePodSpec } from '../pod/validate-spec.ts'
import { validateLabelSelector, validateLabels } from './labels.ts'
import type { Problems } from './problems.ts'
import { nonNegative } from './workload.ts'

const MAX_PARALLELISM = 100_000
const MAX_FAILURE_RULES = 20
const UID_LABEL = 'batch.kubernetes.io/controller-uid'
const IMMUTABLE = [
  'selector',
  'template',
  'completionMode',
  'podFailurePolicy',
  'backoffLimitPerIndex',
  'managedBy',
  'successPolicy',
] as const

/** kubernetes `ValidateJob`, `ValidateJobUpdate` and `ValidateJobUpdateStatus`. */
export function validateJob(
  { metadata, spec, status }: Draft<Job>,
  problems: Problems,
  old: Job | undefined,
): void {
  if (spec === undefined) return problems.required('spec')
  validateJobSpec(spec, 'spec', problems)
  validateOwnPods(metadata?.uid, spec, problems)
  // The pods of an indexed job have the job's name and a number for their hostname.
  if (spec.completionMode === 'Indexed' && spec.completions !== undefined && spec.completions > 0) {
    const hostname = `${metadata?.name ?? ''}-${spec.completions - 1}`
    for (const problem of dnsLabelProblems(hostname))
      problems.invalid(
        'metadata.name',
        metadata?.name,
        `will not able to create pod with invalid DNS label: ${hostname}: ${problem}`,
      )
  }
  validateStatus(status, problems)
  if (old?.spec !== undefined) validateUpdate(spec, old.spec, problems)
}

/** What jobs and the templates of cron jobs have in common, at `path`. */
export function validateJobSpec(spec: Draft<JobSpec>, path: string, problems: Problems): void {
  for (const field of [
    'activeDeadlineSeconds',
    'backoffLimit',
    'backoffLimitPerIndex',
    'completions',
    'maxFailedIndexes',
    'parallelism',
    'ttlSecondsAfterFinished',
  ] as const)
    nonNegative(`${path}.${field}`, spec[field], problems)
  if (spec.completionMode === 'Indexed') {
    if (spec.completions === undefined)
      problems.required(`${path}.completions`, 'when completion mode is Indexed')
    if ((spec.parallelism ?? 0) > MAX_PARALLELISM)
      problems.invalid(
        `${path}.parallelism`,
        spec.parallelism,
        `must be less than or equal to ${MAX_PARALLELISM} when completion mode is Indexed`,
      )
  } else {
    for (const field of ['backoffLimitPerIndex', 'maxFailedIndexes'] as const)
      if (spec[field] !== undefined)
        problems.invalid(`${path}.${field}`, spec[field], 'requires indexed completion mode')
  }
  if (spec.managedBy !== undefined)
    problems.invalidEach(`${path}.managedBy`, spec.managedBy, labelKeyProblems(spec.managedBy))
  validateFailurePolicy(spec, path, problems)
  validateSuccessPolicy(spec, path, problems)
  validateTemplate(spec, path, problems)
}

function validateTemplate(
  { template, podFailurePolicy }: Draft<JobSpec>,
  path: string,
  problems: Problems,
): void {
  const at = `${path}.template.spec`
  validateLabels(template?.metadata?.labels, `${path}.template.metadata.labels`, problems)
  if (template?.spec === undefined) return problems.required(`${at}.containers`)
  validatePodSpec(template.spec, at, problems)
  const { restartPolicy = '' } = template.spec
  if (restartPolicy !== 'OnFailure' && restartPolicy !== 'Never')
    problems.required(`${at}.restartPolicy`, 'valid values: "OnFailure", "Never"')
  if (podFailurePolicy !== undefined && restartPolicy !== 'Never')
    problems.invalid(
      `${at}.restartPolicy`,
      restartPolicy,
      'only "Never" is supported when podFailurePolicy is specified',
    )
}

function validateFailurePolicy(
  { podFailurePolicy, backoffLimitPerIndex }: Draft<JobSpec>,
  path: string,
  problems: Problems,
): void {
  const rules = podFailurePolicy?.rules ?? []
  if (rules.length > MAX_FAILURE_RULES)
    problems.tooMany(`${path}.podFailurePolicy.rules`, rules.length, MAX_FAILURE_RULES)
  rules.forEach(({ action, onExitCodes, onPodConditions = [] }, index) => {
    const at = `${path}.podFailurePolicy.rules[${index}]`
    if (action === 'FailIndex' && backoffLimitPerIndex === undefined)
      problems.invalid(`${at}.action`, action, 'requires the backoffLimitPerIndex to be set')
    if (onExitCodes !== undefined) {
      const { values = [], operator } = onExitCodes
      if (values.length === 0)
        problems.invalid(`${at}.onExitCodes.values`, values, 'at least one value is required')
      values.forEach((value, number) => {
        if (operator === 'In' && value === 0)
          problems.invalid(`${at}.onExitCodes.values[${number}]`, value, 'must not be 0 for the In operator')
        if (values.indexOf(value) < number) problems.duplicate(`${at}.onExitCodes.values[${number}]`, value)
      })
    }
    if (onExitCodes !== undefined && onPodConditions.length > 0)
      problems.invalid(at, '', 'specifying both OnExitCodes and OnPodConditions is not supported')
    if (onExitCodes === undefined && onPodConditions.length === 0)
      problems.invalid(at, '', 'specifying one of OnExitCodes and OnPodConditions is required')
  })
}

function validateSuccessPolicy(
  { successPolicy, completionMode, completions = 0 }: Draft<JobSpec>,
  path: string,
  problems: Problems,
): void {
  if (successPolicy === undefined) return
  const at = `${path}.successPolicy`
  if (completionMode !== 'Indexed') problems.invalid(at, successPolicy, 'requires indexed completion mode')
  const { rules = [] } = successPolicy
  if (rules.length === 0)
    problems.required(
      `${at}.rules`,
      'at least one rules must be specified when the successPolicy is specified',
    )
  rules.forEach(({ succeededCount, succeededIndexes }, index) => {
    if (succeededCount === undefined && succeededIndexes === undefined)
      problems.required(
        `${at}.rules[${index}]`,
        'at least one of succeededCount or succeededIndexes must be specified',
      )
    if (succeededCount === undefined) return
    if (succeededCount < 1)
      problems.invalid(`${at}.rules[${index}].succeededCount`, succeededCount, 'must be greater than 0')
    if (succeededCount > completions)
      problems.invalid(
        `${at}.rules[${index}].succeededCount`,
        succeededCount,
        `must be less than or equal to ${completions} (the number of specified completions)`,
      )
  })
}

/** The selector finds the job's own pods, and nobody else's. */
function validateOwnPods(uid: string | undefined, spec: Draft<JobSpec>, problems: Problems): void {
  const { selector, template, manualSelector } = spec
  // Before it is stored a job has no selector unless its author gave it one.
  if (selector === undefined) {
    if (manualSelector === true || uid !== undefined) problems.required('spec.selector')
    return
  }
  validateLabelSelector(selector, 'spec.selector', problems)
  const labels = (template?.metadata?.labels ?? {}) as { readonly [key: string]: string }
  if (manualSelector !== true && uid !== undefined) {
    if (selector.matchLabels?.[UID_LABEL] !== uid)
      problems.invalid('spec.selector', selector, '`selector` not auto-generated')
    if (labels[UID_LABEL] !== uid)
      problems.invalid(
        `spec.template.metadata.labels[${UID_LABEL}]`,
        labels[UID_LABEL] ?? '',
        `must be '${uid}'`,
      )
  }
  if (uid === undefined && manualSelector !== true) return
  try {
    const parsed = labelSelectorFromObject(selector as Parameters<typeof labelSelectorFromObject>[0])
    if (!matchesLabels(parsed, labels))
      problems.invalid('spec.template.metadata.labels', labels, '`selector` does not match template `labels`')
  } catch {
    // What is wrong with the selector has been said.
  }
}

function validateStatus(status: Draft<JobStatus> | undefined, problems: Problems): void {
  for (const field of ['active', 'failed', 'ready', 'succeeded', 'terminating'] as const)
    nonNegative(`status.${field}`, status?.[field], problems)
}

function validateUpdate(spec: Draft<JobSpec>, old: JobSpec, problems: Problems): void {
  // An indexed job may grow and shrink with its parallelism.
  const isElastic =
    spec.completionMode === 'Indexed' &&
    spec.completions !== undefined &&
    old.completions !== undefined &&
    spec.completions === spec.parallelism
  if (!isElastic && spec.completions !== old.completions)
    problems.invalid('spec.completions', spec.completions ?? null, 'field is immutable')
  for (const field of IMMUTABLE)
    if (!deepEqual(spec[field], old[field]))
      problems.invalid(`spec.${field}`, spec[field] ?? null, 'field is immutable')
}
