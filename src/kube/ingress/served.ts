import type { Ingress, IngressClass } from '../generated/types.ts'
import { objectKey } from '../object.ts'

/** The class that every cluster has, and what the classes that Bowline's agents serve name as their controller. */
export const INGRESS_CLASS = 'bowline'
export const INGRESS_CONTROLLER = 'bowline.dev/ingress'
export const DEFAULT_CLASS_ANNOTATION = 'ingressclass.kubernetes.io/is-default-class'

/** How ingresses named their class before `spec.ingressClassName`; upstream still honours it. */
export const LEGACY_CLASS_ANNOTATION = 'kubernetes.io/ingress.class'

/** Annotations of an Ingress that are understood. */
export const IngressAnnotations = {
  /** `"false"`: HTTP is answered and not redirected, though there is a certificate. */
  sslRedirect: 'ingress.bowline.dev/ssl-redirect',
  /** `"true"`: the certificates of `spec.tls` come from the server's ACME authority. */
  acme: 'ingress.bowline.dev/acme',
} as const

/**
 * The ingresses that Bowline's agents serve, the oldest first: those of a class with its controller, and those that name no
 * class while such a class is the default one.
 */
export function servedIngresses(
  ingresses: readonly Ingress[],
  classes: readonly IngressClass[],
): readonly Ingress[] {
  const own = classes.filter(({ spec }) => spec?.controller === INGRESS_CONTROLLER)
  const names = new Set(own.map(({ metadata }) => metadata.name))
  const isDefault = own.some(({ metadata }) => metadata.annotations?.[DEFAULT_CLASS_ANNOTATION] === 'true')
  return ingresses
    .filter(({ metadata, spec }) => {
      const named = spec?.ingressClassName ?? metadata.annotations?.[LEGACY_CLASS_ANNOTATION]
      return named === undefined ? isDefault : names.has(named)
    })
    .sort(byAge)
}

/** The oldest first; of one age by name, so that every host decides alike. */
function byAge(a: Ingress, b: Ingress): number {
  return (
    compareTexts(a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? '') ||
    compareTexts(objectKey(a), objectKey(b))
  )
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
