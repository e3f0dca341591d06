import { expect, vi } from 'vitest'
import type { TestApi } from './api-server.ts'
import { ask } from './https.ts'

export const DEFINITIONS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'

/** A schema of `spec` (and `status`, where there is one), as most definitions have it. */
export function schemaOf(spec: object, status?: object): object {
  return { type: 'object', properties: { spec, ...(status === undefined ? {} : { status }) } }
}

export interface VersionParts {
  readonly name?: string
  readonly served?: boolean
  readonly storage?: boolean
  readonly schema?: object
  readonly [field: string]: unknown
}

/** A version whose schema is the root schema given, or one that keeps everything. */
export function version({ schema, ...parts }: VersionParts = {}): object {
  return {
    name: 'v1',
    served: true,
    storage: true,
    schema: {
      openAPIV3Schema: schema ?? { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    },
    ...parts,
  }
}

export interface DefinitionParts {
  readonly group?: string
  readonly versions?: readonly object[]
  readonly scope?: 'Cluster' | 'Namespaced'
  readonly names?: object
  readonly labels?: { readonly [key: string]: string }
}

export interface Definition {
  readonly metadata: { readonly name: string }
  readonly [field: string]: unknown
}

/** A namespaced definition, `widgets.example.com` with the one version where nothing else is said. */
export function definition(kind: string, parts: DefinitionParts = {}): Definition {
  const {
    group = 'example.com',
    versions = [version()],
    scope = 'Namespaced',
    names = {},
    labels = {},
  } = parts
  const singular = kind.toLowerCase()
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${singular}s.${group}`, ...{ labels } },
    spec: { group, scope, names: { plural: `${singular}s`, kind, ...names }, versions },
  }
}

/** Makes a definition and waits until its kinds are served. */
export async function define(api: TestApi, body: { metadata: { name: string } }): Promise<void> {
  const made = await ask(api, DEFINITIONS, { method: 'POST', body })
  expect(made.text).toContain('"uid"')
  await established(api, body.metadata.name)
}

export async function established(api: TestApi, name: string): Promise<void> {
  await vi.waitFor(async () => {
    const { json } = await ask(api, `${DEFINITIONS}/${name}`)
    expect(json.status.conditions).toContainEqual(
      expect.objectContaining({ type: 'Established', status: 'True' }),
    )
  }, 10_000)
}

/** The path of custom objects in the namespace `default`. */
export function objectsPath(plural: string, versionName = 'v1', group = 'example.com'): string {
  return `/apis/${group}/${versionName}/namespaces/default/${plural}`
}

/** A custom object of the version v1 of `example.com`. */
export function object(kind: string, name: string, fields: object = {}, versionName = 'v1'): object {
  return { apiVersion: `example.com/${versionName}`, kind, metadata: { name }, ...fields }
}
