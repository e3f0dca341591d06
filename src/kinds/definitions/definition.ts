import type { Kind, KubeObject, NameRule } from '../../kube/index.ts'
import type { Schema } from '../schema/schema.ts'
import type { Cell, TableColumn } from '../table/columns.ts'
import type { Problems } from '../validation/problems.ts'

/** How `autoscaling/v1` Scale reads and writes a kind. */
export interface ScaleMapping<T extends KubeObject> {
  replicas(object: T): number
  observedReplicas(object: T): number
  /** The label selector in its text form. */
  selector(object: T): string
  withReplicas(object: T, replicas: number): T
}

/**
 * An object that is being made ready: its types are checked, but required fields may still be missing, and it belongs to the
 * caller alone, who may change it.
 */
export type Draft<T> = T extends readonly (infer Item)[]
  ? Draft<Item>[]
  : T extends object
    ? { -readonly [Key in keyof T]?: Draft<T[Key]> | undefined }
    : T

/** How objects of a kind are read and judged where no generated definition says it: the rules of custom resources. */
export interface ObjectRules {
  /** How the fields of an object merge. */
  readonly schema: Schema
  /** The definition of an object in OpenAPI documents. */
  readonly published: object
  /** The object with its defaults and without unknown fields, as a new object. */
  complete(object: KubeObject): KubeObject
  /** Adds what cannot be decoded at all. */
  findTypes(object: unknown, problems: Problems): void
  /** The paths of fields that objects of the kind do not have; at most 100. */
  unknownFields(object: unknown): readonly string[]
  /** Adds what is wrong beside the metadata; types too. */
  validate(object: KubeObject, problems: Problems, old: KubeObject | undefined): void
  /** A stored object as this version shows it; the same object when it is that already. */
  fromStored(object: KubeObject): KubeObject
  /** An object of this version as it is stored. */
  toStored(object: KubeObject): KubeObject
}

/**
 * A kind: its place in the API, the name of its schema, and what is special about it. Everything that a schema can say (types,
 * required fields, defaults, enums, how lists merge) is said there; the hooks hold the rest. To add a kind: its model class to
 * `schema/overlay.ts` (or a schema of its own), a file here, a line in `definitions.ts`, its handle in `kube/kinds.ts`.
 */
export interface KindDefinition<T extends KubeObject = KubeObject> extends Kind<T> {
  /** The definition's name: `io.k8s.api.core.v1.Pod`. */
  readonly definition: string
  /** What a `metadata.name` may look like. */
  readonly nameRule: NameRule
  /** Of a kind that is defined by a user. */
  readonly rules?: ObjectRules
  /** Field selectors beyond `metadata.name` and `metadata.namespace`. */
  readonly selectable: { readonly [field: string]: (object: T) => string }
  readonly columns: readonly TableColumn[]
  /** One cell per column. `nowMs` is the time that ages are counted to. */
  row(object: T, nowMs: number): readonly Cell[]
  readonly scale?: ScaleMapping<T>

  /** Defaults that depend on more than the field itself. Runs after the schema's; changes the draft. */
  setDefaults?(draft: Draft<T>): void
  /** Whether defaults of the status depend on the spec: one is then never read without the other. */
  readonly defaultsSpanParts?: boolean
  /** Adds what is wrong; metadata, types, required fields and enums are checked elsewhere. `old` is set on updates. */
  validate?(object: Draft<T>, problems: Problems, old: T | undefined): void
  /** A node may be created with its status; of other kinds it is dropped. */
  readonly keepsStatusOnCreate?: boolean
  /** What a new object's server-owned fields are: its first status, when it has one. Replaces fields of the draft. */
  prepareForCreate?(draft: Draft<T>): void
  /** Which fields a write may change beyond the usual rule (the main resource: all but status; `status`: only it). Replaces fields of the draft. */
  prepareForUpdate?(draft: Draft<T>, old: T, subresource: string): void
  /**
   * When `metadata.generation` grows: at a change of the `spec`, of the `spec` or the annotations (Deployment), of anything but the
   * metadata and a status that is written apart (custom resources), or never (kinds whose generation upstream leaves unset).
   */
  readonly generation: 'annotations' | 'content' | 'none' | 'spec'
  /**
   * What does not happen although an object of the kind is there, in words that follow "nothing acts on it yet:". Absent for kinds that do
   * what they say. Whoever writes such an object is warned.
   */
  readonly inert?: string
  /** With {@link Kind.storedAs}: the stored object in this kind's form. */
  fromStored?(object: KubeObject): KubeObject
  /** With {@link Kind.storedAs}: the other way, also of what is only a part of an object, as an apply declares it. */
  toStored?(object: KubeObject): KubeObject
}

type Optional = 'generation' | 'nameRule' | 'selectable'

type Special<T extends KubeObject> = Omit<KindDefinition<T>, keyof Kind | Optional> &
  Partial<Pick<KindDefinition<T>, Optional>>

/** A definition from what differs from the usual: named like a DNS subdomain, without a generation. */
export function defineKind<T extends KubeObject>(
  handle: Kind<T>,
  special: Special<NoInfer<T>>,
): KindDefinition<T> {
  return { ...handle, nameRule: 'subdomain', selectable: {}, generation: 'none', ...special }
}
