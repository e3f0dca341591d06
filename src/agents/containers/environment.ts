import { BowlineError } from '../../base/index.ts'
import type { ConfigMap, Container, EnvVar, Secret } from '../../kube/index.ts'
import type { AssignedPod } from '../pods/assigned-pod.ts'
import { expandVariables } from './expand.ts'
import { fieldValue, type PodSurroundings, resourceValue } from './field-value.ts'

/** Reads what a pod refers to, in the pod's namespace; undefined when there is no such object. */
export interface ReferencedObjects {
  configMap(name: string): Promise<ConfigMap | undefined>
  secret(name: string): Promise<Secret | undefined>
}

export interface Variable {
  readonly name: string
  readonly value: string
}

/**
 * A container's variables: `envFrom` first, then `env`, a later one replacing an earlier of its name, then those of `links` whose
 * name is free; `$(NAME)` sees what stands before it, and links. Throws a `bad-config` in upstream's words for an object or key that
 * is missing and not optional; no value is in it.
 */
export async function resolveEnvironment(
  pod: AssignedPod,
  container: Container,
  objects: ReferencedObjects,
  around: PodSurroundings,
  links: readonly Variable[] = [],
): Promise<readonly Variable[]> {
  const variables = new Map<string, string>()
  const linked = new Map(links.map(({ name, value }) => [name, value]))
  const known = (name: string) => variables.get(name) ?? linked.get(name)
  for (const { prefix = '', configMapRef, secretRef } of container.envFrom ?? []) {
    const data =
      configMapRef !== undefined
        ? await configMapData(objects, configMapRef.name ?? '', configMapRef.optional)
        : await secretData(objects, secretRef?.name ?? '', secretRef?.optional)
    for (const [key, value] of Object.entries(data ?? {})) variables.set(`${prefix}${key}`, value)
  }
  for (const variable of container.env ?? []) {
    const value = await variableValue(pod, container, variable, objects, around, known)
    if (value !== undefined) variables.set(variable.name, value)
  }
  for (const [name, value] of linked) if (!variables.has(name)) variables.set(name, value)
  return [...variables].map(([name, value]) => ({ name, value }))
}

async function variableValue(
  pod: AssignedPod,
  container: Container,
  { value = '', valueFrom }: EnvVar,
  objects: ReferencedObjects,
  around: PodSurroundings,
  known: (name: string) => string | undefined,
): Promise<string | undefined> {
  if (valueFrom === undefined) return expandVariables(value, known)
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef } = valueFrom
  if (fieldRef !== undefined) return fieldValue(pod, fieldRef, around)
  if (resourceFieldRef !== undefined) {
    const all = [...(pod.spec.initContainers ?? []), ...pod.spec.containers]
    const name = resourceFieldRef.containerName ?? container.name
    const subject = all.find(candidate => candidate.name === name)
    if (subject === undefined) throw new BowlineError('bad-config', `container ${name} not found`)
    return resourceValue(subject, resourceFieldRef, around)
  }
  if (configMapKeyRef !== undefined) {
    const { name = '', key, optional } = configMapKeyRef
    const data = await configMapData(objects, name, optional)
    return keyOf(data, key, `ConfigMap ${pod.metadata.namespace}/${name}`, optional)
  }
  if (secretKeyRef !== undefined) {
    const { name = '', key, optional } = secretKeyRef
    const data = await secretData(objects, name, optional)
    return keyOf(data, key, `Secret ${pod.metadata.namespace}/${name}`, optional)
  }
  return undefined
}

type Data = { readonly [key: string]: string }

async function configMapData(
  objects: ReferencedObjects,
  name: string,
  optional: boolean | undefined,
): Promise<Data | undefined> {
  const object = await objects.configMap(name)
  if (object === undefined && !optional) throw new BowlineError('bad-config', `configmap "${name}" not found`)
  return object && (object.data ?? {})
}

async function secretData(
  objects: ReferencedObjects,
  name: string,
  optional: boolean | undefined,
): Promise<Data | undefined> {
  const object = await objects.secret(name)
  if (object === undefined && !optional) throw new BowlineError('bad-config', `secret "${name}" not found`)
  const entries = Object.entries(object?.data ?? {})
  return (
    object &&
    Object.fromEntries(entries.map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]))
  )
}

function keyOf(
  data: Data | undefined,
  key: string,
  where: string,
  optional: boolean | undefined,
): string | undefined {
  const value = data !== undefined && Object.hasOwn(data, key) ? data[key] : undefined
  if (value === undefined && !optional)
    throw new BowlineError('bad-config', `couldn't find key ${key} in ${where}`)
  return value
}
