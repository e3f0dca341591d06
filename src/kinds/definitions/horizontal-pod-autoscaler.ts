import type { HorizontalPodAutoscaler } from '../../kube/generated/types.ts'
import { Kinds } from '../../kube/index.ts'
import { ageColumn, ageOf, nameColumn, nameOf, numberColumn, textColumn } from '../table/columns.ts'
import { formatMetrics } from '../table/metrics.ts'
import { validateAutoscaler } from '../validation/horizontal-pod-autoscaler.ts'
import { type Draft, defineKind, type KindDefinition } from './definition.ts'

type Behavior = NonNullable<NonNullable<HorizontalPodAutoscaler['spec']>['behavior']>

/** What upstream scales by when nobody says anything else. */
const USUAL_CPU_PERCENT = 80

/** The columns of both versions. */
export const autoscalerColumns: KindDefinition['columns'] = [
  nameColumn,
  textColumn('Reference', 'What is scaled.'),
  textColumn('Targets', 'What it measures: now, and as it should be.'),
  textColumn('MinPods', 'The fewest pods.'),
  numberColumn('MaxPods', 'The most pods.'),
  numberColumn('Replicas', 'How many pods there were when it looked last.'),
  ageColumn,
]

/** The cells of {@link autoscalerColumns}. */
export function autoscalerRow(
  object: HorizontalPodAutoscaler,
  nowMs: number,
): ReturnType<KindDefinition['row']> {
  const { spec, status } = object
  return [
    nameOf(object),
    `${spec?.scaleTargetRef.kind}/${spec?.scaleTargetRef.name}`,
    formatMetrics(spec?.metrics ?? [], status?.currentMetrics ?? []),
    spec?.minReplicas === undefined ? '<unset>' : String(spec.minReplicas),
    spec?.maxReplicas ?? 0,
    status?.currentReplicas ?? 0,
    ageOf(object, nowMs),
  ]
}

/** Why neither version does anything. */
export const AUTOSCALER_INERT = 'nothing measures pods and scales by it'

export const horizontalPodAutoscalerKind: KindDefinition<HorizontalPodAutoscaler> = defineKind(
  Kinds.HorizontalPodAutoscaler,
  {
    definition: 'io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler',
    inert: AUTOSCALER_INERT,
    columns: autoscalerColumns,
    row: autoscalerRow,
    setDefaults({ spec }) {
      if (spec === undefined) return
      if ((spec.metrics ?? []).length === 0)
        spec.metrics = [
          {
            type: 'Resource',
            resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: USUAL_CPU_PERCENT } },
          },
        ]
      if (spec.behavior !== undefined) setBehavior(spec.behavior)
    },
    validate: validateAutoscaler,
    prepareForCreate(draft) {
      draft.status = { desiredReplicas: 0 }
    },
  },
)

/** kubernetes `GenerateHPAScaleUpRules` and `GenerateHPAScaleDownRules`: what a behavior leaves out is as usual. */
function setBehavior(behavior: Draft<Behavior>): void {
  behavior.scaleUp = {
    stabilizationWindowSeconds: 0,
    selectPolicy: 'Max',
    policies: [
      { type: 'Pods', value: 4, periodSeconds: 15 },
      { type: 'Percent', value: 100, periodSeconds: 15 },
    ],
    ...behavior.scaleUp,
  }
  behavior.scaleDown = {
    selectPolicy: 'Max',
    policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
    ...behavior.scaleDown,
  }
}
