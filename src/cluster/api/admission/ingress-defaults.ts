import {
  DEFAULT_CLASS_ANNOTATION,
  type Ingress,
  type IngressClass,
  Kinds,
  LEGACY_CLASS_ANNOTATION,
} from '../../../kube/index.ts'
import { selectionOf } from '../cache/selection.ts'
import type { World } from '../cache/world.ts'
import type { Admission } from '../contract.ts'

const ALL_CLASSES = selectionOf(Kinds.IngressClass, { namespace: '', labelSelector: '', fieldSelector: '' })

/** What upstream's DefaultIngressClass admission writes: an ingress that names no class gets the default one. */
export function ingressDefaults(world: World): Admission {
  return {
    admit({ verb, kind, subresource, object }) {
      const isNew = verb === 'create' && subresource === ''
      if (!isNew || kind.group !== Kinds.Ingress.group || kind.kind !== Kinds.Ingress.kind) return object
      const ingress = object as Ingress
      const { spec, metadata } = ingress
      if (spec === undefined || spec.ingressClassName !== undefined) return object
      if (metadata.annotations?.[LEGACY_CLASS_ANNOTATION] !== undefined) return object
      const name = defaultClass(world)
      if (name === undefined) return object
      const completed: Ingress = { ...ingress, spec: { ...spec, ingressClassName: name } }
      return completed
    },
  }
}

/** The default class; of several the newest, and of one age the first by name. */
function defaultClass(world: World): string | undefined {
  const [first] = world
    .cacheOf(Kinds.IngressClass)
    .select(ALL_CLASSES)
    .map(({ object }) => object as IngressClass)
    .filter(({ metadata }) => metadata.annotations?.[DEFAULT_CLASS_ANNOTATION] === 'true')
    .sort((a, b) => compareTexts(bornAt(b), bornAt(a)) || compareTexts(nameOf(a), nameOf(b)))
  return first?.metadata.name
}

function bornAt({ metadata }: IngressClass): string {
  return metadata.creationTimestamp ?? ''
}

function nameOf({ metadata }: IngressClass): string {
  return metadata.name ?? ''
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
