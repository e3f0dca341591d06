import type { DaemonSet } from '../../kube/generated/types.ts'
import { Kinds } from '../../kube/index.ts'
import { setTemplateDefaults } from '../pod/defaults.ts'
import { ageColumn, ageOf, nameColumn, nameOf, numberColumn, textColumn } from '../table/columns.ts'
import { formatSelectorMap } from '../table/selector-map.ts'
import { templateCells, templateColumns } from '../table/workload.ts'
import { validateDaemonSet } from '../validation/daemon-set.ts'
import { defineKind, type KindDefinition } from './definition.ts'

export const daemonSetKind: KindDefinition<DaemonSet> = defineKind(Kinds.DaemonSet, {
  definition: 'io.k8s.api.apps.v1.DaemonSet',
  inert: 'no controller makes pods of it',
  generation: 'spec',
  columns: [
    nameColumn,
    numberColumn('Desired', 'How many hosts should run its pod.'),
    numberColumn('Current', 'How many of them have one.'),
    numberColumn('Ready', 'How many pods are ready.'),
    numberColumn('Up-to-date', 'How many pods are of the newest template.'),
    numberColumn('Available', 'How many pods have been ready for long enough.'),
    textColumn('Node Selector', 'The labels of the hosts.'),
    ageColumn,
    ...templateColumns,
  ],
  row: (object, nowMs) => [
    nameOf(object),
    object.status?.desiredNumberScheduled ?? 0,
    object.status?.currentNumberScheduled ?? 0,
    object.status?.numberReady ?? 0,
    object.status?.updatedNumberScheduled ?? 0,
    object.status?.numberAvailable ?? 0,
    formatSelectorMap(object.spec?.template?.spec?.nodeSelector) || '<none>',
    ageOf(object, nowMs),
    ...templateCells(object.spec?.template?.spec, object.spec?.selector),
  ],
  setDefaults({ spec }) {
    const strategy = spec?.updateStrategy
    if (strategy?.type === 'RollingUpdate')
      strategy.rollingUpdate = { maxSurge: 0, maxUnavailable: 1, ...strategy.rollingUpdate }
    setTemplateDefaults(spec?.template)
  },
  validate: validateDaemonSet,
  prepareForCreate(draft) {
    draft.status = {
      currentNumberScheduled: 0,
      desiredNumberScheduled: 0,
      numberMisscheduled: 0,
      numberReady: 0,
    }
  },
})
