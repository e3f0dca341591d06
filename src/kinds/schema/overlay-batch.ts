import { atomicList, conditionStatus, kindOf, type Overlay, patchMergeKey, setList } from './markers.ts'

/** `batch/v1`. A Job's own defaults are in `kinds/job.ts`: the template of a CronJob does not have them. */
export const batchOverlay: Overlay = {
  Job: { definition: kindOf('batch', 'v1', 'Job') },
  JobSpec: {
    fields: {
      completionMode: { enum: ['Indexed', 'NonIndexed'] },
      podReplacementPolicy: { enum: ['Failed', 'TerminatingOrFailed'] },
    },
  },
  PodFailurePolicy: { fields: { rules: atomicList } },
  PodFailurePolicyRule: {
    fields: {
      action: { enum: ['Count', 'FailIndex', 'FailJob', 'Ignore'] },
      onPodConditions: atomicList,
    },
  },
  PodFailurePolicyOnExitCodesRequirement: {
    fields: { operator: { enum: ['In', 'NotIn'] }, values: setList },
  },
  PodFailurePolicyOnPodConditionsPattern: { fields: { status: { default: 'True', ...conditionStatus } } },
  SuccessPolicy: { fields: { rules: atomicList } },
  JobCondition: { fields: { status: conditionStatus } },
  JobStatus: { fields: { conditions: { ...atomicList, ...patchMergeKey('type') } } },
  UncountedTerminatedPods: { fields: { failed: setList, succeeded: setList } },

  CronJob: { definition: kindOf('batch', 'v1', 'CronJob') },
  CronJobSpec: {
    fields: {
      concurrencyPolicy: { default: 'Allow', enum: ['Allow', 'Forbid', 'Replace'] },
      failedJobsHistoryLimit: { default: 1 },
      successfulJobsHistoryLimit: { default: 3 },
      suspend: { default: false },
    },
  },
  CronJobStatus: { fields: { active: atomicList } },
}
