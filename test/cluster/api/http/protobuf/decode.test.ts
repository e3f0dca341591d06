import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeProtobuf } from '../../../../../src/cluster/api/http/protobuf/decode.ts'
import {
  findMessage,
  type Message,
  messageOfKind,
} from '../../../../../src/cluster/api/http/protobuf/messages.ts'
import { resolveSchema, type Schema, schemaFor } from '../../../../../src/kinds/index.ts'
import { allKinds, apiVersionOf, type Kind, StatusError } from '../../../../../src/kube/index.ts'
import { protobufBody as body, int, part } from '../../support/protobuf-body.ts'

const RUNS = Number(process.env.FUZZ_RUNS ?? 2000)
const SEED = Number(process.env.FUZZ_SEED ?? 20_260_101)

const POD = body('v1', 'Pod', pod => {
  part(pod, 1, metadata => {
    part(metadata, 1, 'web')
    part(metadata, 3, '')
    int(metadata, 7, 0)
    part(metadata, 8, () => undefined)
    for (const [key, value] of [
      ['app', 'web'],
      ['__proto__', 'x'],
    ] as const)
      part(metadata, 11, entry => {
        part(entry, 1, key)
        part(entry, 2, value)
      })
    part(metadata, 17, managed => {
      part(managed, 1, 'somebody')
      part(managed, 4, time => {
        int(time, 1, 1_767_323_045)
        int(time, 2, 0)
      })
      part(managed, 7, fields => part(fields, 1, '{"f:spec":{}}'))
    })
  })
  part(pod, 2, spec => {
    part(spec, 1, volume => {
      part(volume, 1, 'data')
      part(volume, 2, source => part(source, 2, emptyDir => part(emptyDir, 2, size => part(size, 1, '1Gi'))))
    })
    part(spec, 2, container => {
      part(container, 1, 'web')
      part(container, 2, 'registry.local/web:1')
      part(container, 3, 'serve')
      part(container, 3, '--fast')
      part(container, 8, resources =>
        part(resources, 1, entry => {
          part(entry, 1, 'cpu')
          part(entry, 2, quantity => part(quantity, 1, '500m'))
        }),
      )
      part(container, 10, probe =>
        part(probe, 1, handler =>
          part(handler, 2, get => {
            part(get, 1, '/healthz')
            part(get, 2, port => {
              int(port, 1, 1)
              int(port, 2, 0)
              part(port, 3, 'http')
            })
          }),
        ),
      )
      int(container, 16, 0)
    })
    part(spec, 3, '')
    int(spec, 4, 0)
    int(spec, 999, 7)
  })
})

describe('decodeProtobuf()', () => {
  it('gives what the JSON form would have given', () => {
    const pod = decodeProtobuf(POD) as { metadata: { labels: object } }
    expect(pod).toEqual({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: 'web',
        labels: JSON.parse('{"app":"web","__proto__":"x"}'),
        managedFields: [{ manager: 'somebody', time: '2026-01-02T03:04:05Z', fieldsV1: { 'f:spec': {} } }],
      },
      spec: {
        volumes: [{ name: 'data', emptyDir: { sizeLimit: '1Gi' } }],
        containers: [
          {
            name: 'web',
            image: 'registry.local/web:1',
            command: ['serve', '--fast'],
            resources: { limits: { cpu: '500m' } },
            livenessProbe: { httpGet: { path: '/healthz', port: 'http' } },
          },
        ],
        // A pointer: its zero is a value, unlike that of stdin.
        terminationGracePeriodSeconds: 0,
      },
    })
    expect(Object.getPrototypeOf(pod.metadata.labels)).toBe(Object.prototype)
  })

  it('keeps zeros that say something, negative numbers and the other kinds of values', () => {
    const priority = body('scheduling.k8s.io/v1', 'PriorityClass', value => {
      int(value, 2, 0)
      int(value, 3, 0)
    })
    expect(decodeProtobuf(priority)).toMatchObject({ value: 0 })
    expect(decodeProtobuf(priority)).not.toHaveProperty('globalDefault')
    expect(
      decodeProtobuf(body('scheduling.k8s.io/v1', 'PriorityClass', value => int(value, 2, -5))),
    ).toMatchObject({
      value: -5,
    })
    const secret = body('v1', 'Secret', value => {
      part(value, 2, entry => {
        part(entry, 1, 'key')
        part(entry, 2, new Uint8Array([0, 255]))
      })
      part(value, 2, entry => part(entry, 1, 'empty'))
      int(value, 5, 0)
    })
    expect(decodeProtobuf(secret)).toMatchObject({ data: { key: 'AP8=', empty: '' }, immutable: false })
    const review = body('authorization.k8s.io/v1', 'SubjectAccessReview', value =>
      part(value, 2, spec =>
        part(spec, 5, entry => {
          part(entry, 1, 'scopes')
          part(entry, 2, texts => {
            part(texts, 1, 'a')
            part(texts, 1, '')
          })
        }),
      ),
    )
    expect(decodeProtobuf(review)).toMatchObject({ spec: { extra: { scopes: ['a', ''] } } })
    const lease = body('coordination.k8s.io/v1', 'Lease', value =>
      part(value, 2, spec =>
        part(spec, 4, time => {
          int(time, 1, 1_767_323_045)
          int(time, 2, 6_000)
        }),
      ),
    )
    expect(decodeProtobuf(lease)).toMatchObject({ spec: { renewTime: '2026-01-02T03:04:05.000006Z' } })
    const packed = body('batch/v1', 'Job', value =>
      part(value, 2, spec =>
        part(spec, 11, policy =>
          part(policy, 1, rule =>
            part(rule, 2, codes => {
              int(codes, 3, 1)
              part(codes, 3, new Uint8Array([2, 3]))
            }),
          ),
        ),
      ),
    )
    expect(decodeProtobuf(packed)).toMatchObject({
      spec: { podFailurePolicy: { rules: [{ onExitCodes: { values: [1, 2, 3] } }] } },
    })
  })

  it('reads what stands inside of an object as JSON or as protobuf', () => {
    const revision = (raw: string | Uint8Array) =>
      decodeProtobuf(
        body('apps/v1', 'ControllerRevision', value => part(value, 2, extension => part(extension, 1, raw))),
      )
    expect(revision('{"spec":{"template":1}}')).toMatchObject({ data: { spec: { template: 1 } } })
    expect(revision(body('v1', 'ConfigMap', () => undefined))).toMatchObject({
      data: { apiVersion: 'v1', kind: 'ConfigMap' },
    })
  })

  const cyclic = (depth: number): Buffer =>
    body('apps/v1', 'ControllerRevision', value =>
      part(value, 2, extension => part(extension, 1, depth === 0 ? '{}' : cyclic(depth - 1))),
    )
  it.each<readonly [string, Buffer]>([
    ['nothing', Buffer.alloc(0)],
    ['no magic number', Buffer.from('{"kind":"Pod"}')],
    ['an unknown kind', body('example.com/v1', 'Widget', () => undefined)],
    ['no kind', Buffer.from('k8s\0')],
    ['a cut-off envelope', POD.subarray(0, POD.length - 9)],
    ['a cut-off message', body('v1', 'Pod', new Uint8Array([0x0a, 0x7f, 0x01]))],
    ['a wrong wire type', body('v1', 'Pod', new Uint8Array([0x08, 0x01]))],
    ['a number without end', body('v1', 'Pod', new Uint8Array(12).fill(0xff))],
    [
      'JSON that is none',
      body('apps/v1', 'ControllerRevision', value => part(value, 2, raw => part(raw, 1, '{'))),
    ],
    [
      'a time beyond all calendars',
      body('v1', 'Pod', pod => part(pod, 1, meta => part(meta, 9, t => int(t, 1, 2 ** 52)))),
    ],
    ['objects inside of objects without end', cyclic(70)],
    ['groups inside of groups without end', body('v1', 'Pod', new Uint8Array(2_000_000).fill(0x0b))],
  ])('refuses %s with a BadRequest', (_, bytes) => {
    const refusal = catching(bytes)
    expect(refusal).toBeInstanceOf(StatusError)
    expect((refusal as StatusError).reason).toBe('BadRequest')
    expect((refusal as StatusError).message).toContain('protobuf body')
  })

  it('reads or refuses whatever comes, and never fails in any other way', () => {
    const mutated = fc
      .tuple(
        fc.array(fc.tuple(fc.nat(POD.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        fc.nat(POD.length),
      )
      .map(([changes, length]) => {
        const bytes = Buffer.from(POD)
        for (const [at, value] of changes) bytes[at] = value
        return bytes.subarray(0, length)
      })
    const random = fc.uint8Array({ maxLength: 200 }).map(bytes => body('v1', 'Pod', bytes))
    fc.assert(
      fc.property(fc.oneof(mutated, random), bytes => {
        const answer = catching(bytes)
        if (answer instanceof Error) expect(answer).toBeInstanceOf(StatusError)
        else expect(JSON.parse(JSON.stringify(answer))).toEqual(answer)
      }),
      { numRuns: RUNS, seed: SEED },
    )
  })
})

function catching(bytes: Uint8Array): unknown {
  try {
    return decodeProtobuf(bytes)
  } catch (error) {
    return error
  }
}

describe('the table of fields', () => {
  // No client sends definitions of custom resources in this form.
  const upstream = allKinds.filter(({ group }) => !['bowline.dev', 'apiextensions.k8s.io'].includes(group))
  it.each(upstream.map(kind => [`${apiVersionOf(kind)} ${kind.kind}`, kind] as const))(
    'has a number for every field of %s, and no field more',
    (_, kind) => {
      expect(differences(kind)).toEqual([])
    },
  )

  /** Where a message and the schema of the same thing do not have the same fields. */
  function differences(kind: Kind): readonly string[] {
    const found: string[] = []
    const seen = new Set<string>()
    const compare = (schema: Schema, message: Message | undefined, path: string): void => {
      const { properties = {} } = resolveSchema(schema)
      const fields = namedFields(message)
      for (const name of Object.keys(properties))
        if (!fields.has(name) && !isInEnvelope(name)) found.push(`${path}.${name} has no number`)
      for (const [name, { type }] of fields) {
        const property = properties[name]
        if (property === undefined) {
          found.push(`${path}.${name} is in no schema`)
          continue
        }
        if (!type.includes('.') || seen.has(type)) continue
        seen.add(type)
        const inner = resolveSchema(property)
        compare(inner.items ?? inner.additionalProperties ?? inner, findMessage(type), `${path}.${name}`)
      }
    }
    compare(schemaFor(kind), messageOfKind(apiVersionOf(kind), kind.kind), kind.kind)
    return found
  }

  /** The fields by name, with those of messages that stand in their place. */
  function namedFields(message: Message | undefined): ReadonlyMap<string, { readonly type: string }> {
    const fields = new Map<string, { readonly type: string }>()
    for (const field of message?.values() ?? []) {
      if (field.name !== '') fields.set(field.name, field)
      else for (const [name, inner] of namedFields(findMessage(field.type))) fields.set(name, inner)
    }
    return fields
  }

  /** The envelope says it, of whole objects; those inside of others do without. */
  function isInEnvelope(name: string): boolean {
    return name === 'apiVersion' || name === 'kind'
  }
})

it('bounds the JSON in it as every other JSON of a body', () => {
  const deep = '['.repeat(300) + ']'.repeat(300)
  const enveloped = (json: string): Buffer =>
    Buffer.concat([
      body('example.com/v1', 'Thing', Buffer.from(json)),
      // A later field of the envelope counts: what the message is written in.
      Buffer.from([0x22, 'application/json'.length, ...Buffer.from('application/json')]),
    ])
  expect(decodeProtobuf(enveloped('{"spec":{"any":[]}}'))).toMatchObject({ spec: { any: [] } })
  expect(() => decodeProtobuf(enveloped(`{"spec":{"any":${deep}}}`))).toThrow('nested deeper than 200 levels')
})
