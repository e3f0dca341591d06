import { type FieldElement, formatElement } from './field-element.ts'

/**
 * A set of field paths as a tree: a node is a path, and a `member` when the set contains that very path. Immutable; operations
 * give back the same object where nothing changes, so that identity tells "unchanged".
 */
export interface FieldSet {
  readonly member: boolean
  readonly children: ReadonlyMap<FieldElement, FieldSet>
}

const NO_CHILDREN: ReadonlyMap<FieldElement, FieldSet> = new Map()

/** The set without any path. */
export const NO_FIELDS: FieldSet = { member: false, children: NO_CHILDREN }

/** A path that is a member and has nothing below it. */
export const LEAF: FieldSet = { member: true, children: NO_CHILDREN }

/** A node; the shared constants where they say the same. */
export function fieldNode(member: boolean, children: ReadonlyMap<FieldElement, FieldSet>): FieldSet {
  if (children.size === 0) return member ? LEAF : NO_FIELDS
  return { member, children }
}

export function isEmptySet(set: FieldSet): boolean {
  return !set.member && set.children.size === 0
}

/** Every path of either. */
export function unionOf(a: FieldSet, b: FieldSet): FieldSet {
  if (a === b || isEmptySet(b)) return a
  if (isEmptySet(a)) return b
  let children: Map<FieldElement, FieldSet> | undefined
  for (const [element, ofB] of b.children) {
    const ofA = a.children.get(element)
    const merged = ofA === undefined ? ofB : unionOf(ofA, ofB)
    if (merged === ofA) continue
    children ??= new Map(a.children)
    children.set(element, merged)
  }
  const member = a.member || b.member
  return children === undefined && member === a.member ? a : fieldNode(member, children ?? a.children)
}

/** The paths of both. */
export function intersectionOf(a: FieldSet, b: FieldSet): FieldSet {
  if (a === b) return a
  const children = new Map<FieldElement, FieldSet>()
  const [small, large] = a.children.size <= b.children.size ? [a, b] : [b, a]
  for (const [element, child] of small.children) {
    const other = large.children.get(element)
    if (other === undefined) continue
    const shared = intersectionOf(child, other)
    if (!isEmptySet(shared)) children.set(element, shared)
  }
  return fieldNode(a.member && b.member, children)
}

/** The paths of `a` that are not in `b`. A path in `b` takes only itself away, not what is below it. */
export function differenceOf(a: FieldSet, b: FieldSet): FieldSet {
  if (a === b) return NO_FIELDS
  let children: Map<FieldElement, FieldSet> | undefined
  for (const [element, ofB] of b.children) {
    const ofA = a.children.get(element)
    if (ofA === undefined) continue
    const left = differenceOf(ofA, ofB)
    if (left === ofA) continue
    children ??= new Map(a.children)
    if (isEmptySet(left)) children.delete(element)
    else children.set(element, left)
  }
  const member = a.member && !b.member
  return children === undefined && member === a.member ? a : fieldNode(member, children ?? a.children)
}

/** Whether both hold exactly the same paths. */
export function sameFields(a: FieldSet, b: FieldSet): boolean {
  if (a === b) return true
  if (a.member !== b.member || a.children.size !== b.children.size) return false
  for (const [element, child] of a.children) {
    const other = b.children.get(element)
    if (other === undefined || !sameFields(child, other)) return false
  }
  return true
}

/** The members as texts, sorted step by step: `.spec.template.spec.containers[name="web"].image`. */
export function pathsOf(set: FieldSet): readonly string[] {
  const paths: string[] = []
  collectPaths(set, '', paths)
  return paths
}

function collectPaths(set: FieldSet, prefix: string, paths: string[]): void {
  if (set.member && prefix !== '') paths.push(prefix)
  for (const element of [...set.children.keys()].sort())
    collectPaths(set.children.get(element) as FieldSet, prefix + formatElement(element), paths)
}
