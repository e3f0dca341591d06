import type { CronJob } from '../../kube/generated/types.ts'
import { formatSince, Kinds } from '../../kube/index.ts'
import { setTemplateDefaults } from '../pod/defaults.ts'
import { ageColumn, ageOf, nameColumn, nameOf, numberColumn, textColumn } from '../table/columns.ts'
import { templateCells, templateColumns } from '../table/workload.ts'
import { validateCronJob } from '../validation/cron-job.ts'
import { defineKind, type KindDefinition } from './definition.ts'

export const cronJobKind: KindDefinition<CronJob> = defineKind(Kinds.CronJob, {
  definition: 'io.k8s.api.batch.v1.CronJob',
  inert: 'no controller makes jobs of it',
  generation: 'spec',
  columns: [
    nameColumn,
    textColumn('Schedule', 'When its jobs are made.'),
    textColumn('Timezone', 'The time zone of the schedule.'),
    textColumn('Suspend', 'Whether it makes no jobs for now.'),
    numberColumn('Active', 'How many jobs run.'),
    textColumn('Last Schedule', 'How long ago a job was made last.'),
    ageColumn,
    ...templateColumns,
  ],
  row: (object, nowMs) => {
    const { spec, status } = object
    const template = spec?.jobTemplate?.spec
    return [
      nameOf(object),
      spec?.schedule ?? '',
      spec?.timeZone ?? '<none>',
      spec?.suspend ? 'True' : 'False',
      status?.active?.length ?? 0,
      status?.lastScheduleTime === undefined ? '<none>' : formatSince(status.lastScheduleTime, nowMs),
      ageOf(object, nowMs),
      ...templateCells(template?.template?.spec, template?.selector),
    ]
  },
  setDefaults: ({ spec }) => setTemplateDefaults(spec?.jobTemplate?.spec?.template),
  validate: validateCronJob,
  prepareForCreate(draft) {
    draft.status = {}
  },
})
