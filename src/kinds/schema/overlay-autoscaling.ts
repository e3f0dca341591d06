import {
  atomicList,
  atomicMap,
  conditionStatus,
  kindOf,
  mergeList,
  type Overlay,
  quantity,
} from './markers.ts'
import type { Schema } from './schema.ts'

const metricType: Schema = { enum: ['ContainerResource', 'External', 'Object', 'Pods', 'Resource'] }

/** `autoscaling`: both versions of the HorizontalPodAutoscaler. */
export const autoscalingOverlay: Overlay = {
  'autoscaling.v1.HorizontalPodAutoscaler': {
    definition: kindOf('autoscaling', 'v1', 'HorizontalPodAutoscaler'),
  },
  'autoscaling.v2.HorizontalPodAutoscaler': {
    definition: kindOf('autoscaling', 'v2', 'HorizontalPodAutoscaler'),
  },
  HorizontalPodAutoscalerSpec: { fields: { minReplicas: { default: 1 } } },
  'autoscaling.v2.HorizontalPodAutoscalerSpec': { fields: { metrics: atomicList } },
  'autoscaling.v2.HorizontalPodAutoscalerStatus': {
    fields: { conditions: mergeList('type'), currentMetrics: atomicList },
  },
  HorizontalPodAutoscalerCondition: { fields: { status: conditionStatus } },
  CrossVersionObjectReference: { definition: atomicMap },
  // A policy list of its own stands for the usual one as a whole: kinds/horizontal-pod-autoscaler.ts.
  HPAScalingRules: {
    fields: { policies: atomicList, selectPolicy: { enum: ['Disabled', 'Max', 'Min'] } },
  },
  HPAScalingPolicy: { fields: { type: { enum: ['Percent', 'Pods'] } } },
  MetricSpec: { fields: { type: metricType } },
  MetricTarget: {
    fields: {
      averageValue: quantity,
      type: { enum: ['AverageValue', 'Utilization', 'Value'] },
      value: quantity,
    },
  },
  MetricValueStatus: { fields: { averageValue: quantity, value: quantity } },
}
