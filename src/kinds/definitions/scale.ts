import type { Scale } from '../../kube/generated/types.ts'
import { type Kind, type KubeObject, StatusError } from '../../kube/index.ts'
import {
  ageColumn,
  ageOf,
  type Cell,
  nameColumn,
  nameOf,
  numberColumn,
  type TableColumn,
} from '../table/columns.ts'
import type { ScaleMapping } from './definition.ts'
import { definitionOf } from './definitions.ts'

/** How `kubectl get --subresource=scale` shows a Scale. */
export const scaleTable: {
  readonly columns: readonly TableColumn[]
  row(scale: KubeObject, nowMs: number): readonly Cell[]
} = {
  columns: [
    nameColumn,
    numberColumn('Desired', 'How many replicas are wanted.'),
    numberColumn('Available', 'How many there are.'),
    ageColumn,
  ],
  row(scale, nowMs) {
    const { spec, status } = scale as Scale
    return [nameOf(scale), spec?.replicas ?? 0, status?.replicas ?? 0, ageOf(scale, nowMs)]
  },
}

/** The `autoscaling/v1` Scale of an object. */
export function readScale(kind: Kind, object: KubeObject): Scale {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata
  const mapping = mappingOf(kind)
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: {
      ...(name === undefined ? {} : { name }),
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
    },
    spec: { replicas: mapping.replicas(object) },
    status: { replicas: mapping.observedReplicas(object), selector: mapping.selector(object) },
  }
}

/** The object with another number of replicas; the rest of it is the same. Negative or fractional numbers are refused. */
export function writeScale(kind: Kind, object: KubeObject, replicas: number): KubeObject {
  const mapping = mappingOf(kind)
  if (!Number.isInteger(replicas) || replicas < 0 || replicas > 2 ** 31 - 1) {
    const message = 'must be greater than or equal to 0'
    throw new StatusError(
      'Invalid',
      `Scale.autoscaling ${JSON.stringify(object.metadata.name ?? '')} is invalid: spec.replicas: Invalid value: ${replicas}: ${message}`,
      {
        name: object.metadata.name ?? '',
        group: 'autoscaling',
        kind: 'Scale',
        causes: [
          {
            reason: 'FieldValueInvalid',
            message: `Invalid value: ${replicas}: ${message}`,
            field: 'spec.replicas',
          },
        ],
      },
    )
  }
  return mapping.withReplicas(object, replicas)
}

function mappingOf(kind: Kind): ScaleMapping<KubeObject> {
  const { scale } = definitionOf(kind)
  if (scale === undefined) throw new RangeError(`Cannot scale kind ${kind.kind}: it has no replicas`)
  return scale
}
