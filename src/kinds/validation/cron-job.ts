import type { CronJob } from '../../kube/generated/types.ts'
import { scheduleProblem } from '../../kube/index.ts'
import type { Draft } from '../definitions/definition.ts'
import { validateJobSpec } from './job.ts'
import { validateLabels } from './labels.ts'
import type { Problems } from './problems.ts'
import { nonNegative } from './workload.ts'

/** A job adds eleven characters for its time, and has 63 in all. */
const MAX_NAME = 52

/** kubernetes `ValidateCronJobCreate` and `ValidateCronJobUpdate`. */
export function validateCronJob(
  { metadata, spec }: Draft<CronJob>,
  problems: Problems,
  old: CronJob | undefined,
): void {
  const { name = '' } = metadata ?? {}
  if (old === undefined && name.length > MAX_NAME)
    problems.invalid('metadata.name', name, `must be no more than ${MAX_NAME} characters`)
  if (spec === undefined) return problems.required('spec.schedule')
  validateSchedule(spec.schedule ?? '', problems)
  if (spec.timeZone !== undefined) validateTimeZone(spec.timeZone, problems)
  nonNegative('spec.startingDeadlineSeconds', spec.startingDeadlineSeconds, problems)
  nonNegative('spec.successfulJobsHistoryLimit', spec.successfulJobsHistoryLimit, problems)
  nonNegative('spec.failedJobsHistoryLimit', spec.failedJobsHistoryLimit, problems)
  const { jobTemplate } = spec
  validateLabels(jobTemplate?.metadata?.labels, 'spec.jobTemplate.metadata.labels', problems)
  if (jobTemplate?.spec === undefined) return problems.required('spec.jobTemplate.spec.template')
  validateJobSpec(jobTemplate.spec, 'spec.jobTemplate.spec', problems)
  if (jobTemplate.spec.manualSelector)
    problems.notSupported('spec.jobTemplate.spec.manualSelector', jobTemplate.spec.manualSelector, [
      'nil',
      'false',
    ])
}

function validateSchedule(schedule: string, problems: Problems): void {
  if (schedule === '') return problems.required('spec.schedule')
  if (schedule.includes('TZ'))
    return problems.invalid(
      'spec.schedule',
      schedule,
      'cannot use TZ or CRON_TZ in schedule, use timeZone field instead',
    )
  const problem = scheduleProblem(schedule)
  if (problem !== undefined) problems.invalid('spec.schedule', schedule, problem)
}

function validateTimeZone(timeZone: string, problems: Problems): void {
  if (timeZone === '')
    return problems.invalid('spec.timeZone', timeZone, 'timeZone must be nil or non-empty string')
  if (timeZone.toLowerCase() === 'local')
    return problems.invalid(
      'spec.timeZone',
      timeZone,
      'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones',
    )
  if (!isTimeZone(timeZone)) problems.invalid('spec.timeZone', timeZone, `unknown time zone ${timeZone}`)
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return !/^[+-]/.test(name)
  } catch {
    return false
  }
}
