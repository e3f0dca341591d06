import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerV1,
  MetricSpec,
  MetricStatus,
} from '../../kube/generated/types.ts'
import { Kinds, type KubeObject } from '../../kube/index.ts'
import { definition } from '../schema/schema.ts'
import { findTypes } from '../validation/find-types.ts'
import { validateAutoscaler } from '../validation/horizontal-pod-autoscaler.ts'
import { Problems } from '../validation/problems.ts'
import { type Draft, defineKind, type KindDefinition } from './definition.ts'
import { AUTOSCALER_INERT, autoscalerColumns, autoscalerRow } from './horizontal-pod-autoscaler.ts'

/** Under which annotations the old version keeps what it has no fields for. */
const PREFIX = 'autoscaling.alpha.kubernetes.io/'
const ANNOTATIONS = {
  behavior: `${PREFIX}behavior`,
  conditions: `${PREFIX}conditions`,
  currentMetrics: `${PREFIX}current-metrics`,
  metrics: `${PREFIX}metrics`,
} as const

/**
 * The old version: one field for the share of CPU. All else that an autoscaler of the new version says stands in annotations, so that who
 * reads and writes this version loses nothing. Objects are stored in the new version.
 */
export const horizontalPodAutoscalerV1Kind: KindDefinition<HorizontalPodAutoscalerV1> = defineKind(
  Kinds.HorizontalPodAutoscalerV1,
  {
    definition: 'io.k8s.api.autoscaling.v1.HorizontalPodAutoscaler',
    inert: AUTOSCALER_INERT,
    columns: autoscalerColumns,
    row: (object, nowMs) => autoscalerRow(toStored(object) as HorizontalPodAutoscaler, nowMs),
    validate: (object, problems) =>
      validateAutoscaler(toStored(object as KubeObject) as Draft<HorizontalPodAutoscaler>, problems),
    prepareForCreate(draft) {
      draft.status = { currentReplicas: 0, desiredReplicas: 0 }
    },
    fromStored,
    toStored,
  },
)

type Parts = { readonly [field: string]: unknown }

/** An object of the new version in the old one's form. Works on parts of an object too. */
function fromStored(object: KubeObject): KubeObject {
  const { spec, status, metadata, ...rest } = object as KubeObject & { spec?: Parts; status?: Parts }
  const annotations: { [key: string]: string } = { ...metadata.annotations }
  const keep = (key: string, value: unknown): void => {
    if (value !== undefined && !(Array.isArray(value) && value.length === 0))
      annotations[key] = JSON.stringify(value)
  }
  const shown: { [field: string]: unknown } = { ...rest, apiVersion: 'autoscaling/v1' }
  if (spec !== undefined) {
    const { metrics, behavior, ...plain } = spec
    const all = (metrics ?? []) as readonly MetricSpec[]
    const cpu = all.find(isCpuShare)
    keep(
      ANNOTATIONS.metrics,
      all.filter(metric => metric !== cpu),
    )
    keep(ANNOTATIONS.behavior, behavior)
    const percent = cpu?.resource?.target.averageUtilization
    shown.spec = { ...plain, ...(percent === undefined ? {} : { targetCPUUtilizationPercentage: percent }) }
  }
  if (status !== undefined) {
    const { conditions, currentMetrics, ...plain } = status
    keep(ANNOTATIONS.conditions, conditions)
    keep(ANNOTATIONS.currentMetrics, currentMetrics)
    const cpu = ((currentMetrics ?? []) as readonly MetricStatus[]).find(
      ({ resource }) => resource?.name === 'cpu' && resource.current.averageUtilization !== undefined,
    )
    const percent = cpu?.resource?.current.averageUtilization
    shown.status = {
      currentReplicas: 0,
      ...plain,
      ...(percent === undefined ? {} : { currentCPUUtilizationPercentage: percent }),
    }
  }
  const kept = Object.keys(annotations).length === 0 ? {} : { annotations }
  const { annotations: _, ...others } = metadata
  return { ...shown, metadata: { ...others, ...kept } } as unknown as KubeObject
}

/** The other way: the share of CPU first, then what the annotations say. Annotations that cannot be read stay where they are. */
function toStored(object: KubeObject): KubeObject {
  const { spec, status, metadata, ...rest } = object as KubeObject & { spec?: Parts; status?: Parts }
  const annotations: { [key: string]: string } = { ...metadata.annotations }
  const take = (field: keyof typeof ANNOTATIONS): object => {
    const value = parsed(annotations[ANNOTATIONS[field]])
    if (value === undefined || !isOfType(field, value)) return {}
    delete annotations[ANNOTATIONS[field]]
    return { [field]: value }
  }
  const stored: { [field: string]: unknown } = { ...rest, apiVersion: 'autoscaling/v2' }
  if (spec !== undefined) {
    const { targetCPUUtilizationPercentage: percent, ...plain } = spec
    const { metrics: others = [] } = take('metrics') as { readonly metrics?: readonly unknown[] }
    const target = { type: 'Utilization', averageUtilization: percent }
    const cpu = percent === undefined ? [] : [{ type: 'Resource', resource: { name: 'cpu', target } }]
    const metrics = [...cpu, ...others]
    stored.spec = {
      ...plain,
      ...(metrics.length === 0 ? {} : { metrics }),
      ...take('behavior'),
    }
  }
  if (status !== undefined) {
    const { currentCPUUtilizationPercentage: _, ...plain } = status
    stored.status = {
      ...plain,
      ...take('conditions'),
      ...take('currentMetrics'),
    }
  }
  const kept = Object.keys(annotations).length === 0 ? {} : { annotations }
  const { annotations: _, ...others } = metadata
  return { ...stored, metadata: { ...others, ...kept } } as unknown as KubeObject
}

function isCpuShare({ type, resource }: MetricSpec): boolean {
  return type === 'Resource' && resource?.name === 'cpu' && resource.target.averageUtilization !== undefined
}

/** Annotations are anybody's text: what does not have the field's type is no field. */
function isOfType(field: keyof typeof ANNOTATIONS, value: unknown): boolean {
  const part = field === 'behavior' || field === 'metrics' ? 'Spec' : 'Status'
  const problems = new Problems()
  findTypes(
    definition(`io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler${part}`),
    { [field]: value },
    '',
    problems,
  )
  return problems.list.length === 0 && value !== null
}

function parsed(text: string | undefined): unknown {
  if (text === undefined) return undefined
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}
