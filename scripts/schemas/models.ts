import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'

/** One model class of the pinned Kubernetes client: what its code and its typings say. */
export interface Model {
  readonly description: string
  readonly fields: readonly ModelField[]
  readonly required: readonly string[]
}

interface ModelField {
  readonly name: string
  /** As the client's generator writes it: `string`, `Array<V1Container>`, `{ [key: string]: string; }`, … */
  readonly type: string
  readonly format: string
  readonly description: string
}

interface ModelClass {
  readonly attributeTypeMap: readonly {
    readonly baseName: string
    readonly type: string
    readonly format: string
  }[]
}

// The package exports only its entry point; the models lie beside it.
const folder = join(dirname(createRequire(import.meta.url).resolve('kubernetes-models')), 'gen/models')

/** Reads names, types and formats from the class, descriptions and which fields are required from its typings. */
export async function loadModel(className: string): Promise<Model> {
  const file = join(folder, className)
  const module: Readonly<Record<string, ModelClass>> = await import(pathToFileURL(`${file}.js`).href)
  const typings = readTypings(readFileSync(`${file}.d.ts`, 'utf8'))
  const fields = (module[className] as ModelClass).attributeTypeMap.map(({ baseName, type, format }) => ({
    name: baseName,
    type,
    format,
    description: typings.fields.get(baseName)?.description ?? '',
  }))
  const required = fields.map(({ name }) => name).filter(name => typings.fields.get(name)?.required)
  return { description: typings.description, fields, required }
}

interface Typings {
  readonly description: string
  readonly fields: ReadonlyMap<string, { readonly description: string; readonly required: boolean }>
}

function readTypings(text: string): Typings {
  const comment = String.raw`/\*\*\n((?:\s*\*(?!/).*\n)+)\s*\*/\n`
  const description = new RegExp(`${comment}export declare class`).exec(text)?.[1] ?? ''
  const fields = new Map<string, { description: string; required: boolean }>()
  // A field whose type is another definition has no comment.
  for (const [, lines = '', name = '', mark] of text.matchAll(
    new RegExp(`(?:${comment})?^ +'(.+)'(\\?)?:`, 'gm'),
  ))
    fields.set(name, { description: plain(lines), required: mark === undefined })
  return { description: plain(description), fields }
}

/** The text of a comment's lines, without the stars and the generator's escapes. */
function plain(lines: string): string {
  return lines
    .split('\n')
    .map(line => line.replace(/^\s*\*\s?/, ''))
    .join('\n')
    .trim()
    .replaceAll('\\n', '\n')
    .replaceAll(/\\(['"`])/g, '$1')
}
