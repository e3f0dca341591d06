import { describe, expect, it } from 'vitest'
import { openApiV2Document } from '../../../../src/cluster/api/http/openapi-route.ts'
import { keepOpenApiV2 } from '../../../../src/cluster/api/http/openapi-v2.ts'
import { type OpenApiV2Part, openApiV2Parts } from '../../../../src/kinds/index.ts'
import { allKinds } from '../../../../src/kube/index.ts'
import { wholeOpenApiV2 } from '../../../kinds/openapi/whole-openapi.ts'

/** How often others had their turn until the work was done. */
async function turnsDuring(work: Promise<unknown>): Promise<number> {
  let turns = 0
  let isDone = false
  const done = work.finally(() => {
    isDone = true
  })
  while (!isDone) {
    await new Promise(resolve => setImmediate(resolve))
    turns += 1
  }
  await done
  return turns
}

describe('openApiV2Document()', () => {
  it.each(['json', 'protobuf'] as const)('lets others have their turn after each part, as %s', async form => {
    const kinds = [...allKinds]
    expect(await turnsDuring(openApiV2Document(kinds, form))).toBeGreaterThanOrEqual(
      [...openApiV2Parts()].length,
    )
  })

  it('is made once for all who ask meanwhile, and anew for other kinds', async () => {
    const kinds = [...allKinds]
    const [one, two] = await Promise.all([openApiV2Document(kinds, 'json'), openApiV2Document(kinds, 'json')])
    expect(one === two).toBe(true)
    expect((await openApiV2Document([...allKinds], 'json')) === one).toBe(false)
  })

  it('puts the parts together to the document', async () => {
    const { body } = await openApiV2Document([...allKinds], 'json')
    expect(JSON.parse(body.toString())).toEqual(JSON.parse(JSON.stringify(wholeOpenApiV2())))
  })
})

describe('keepOpenApiV2()', () => {
  it('fails when a part cannot be made', async () => {
    function* broken(): Generator<OpenApiV2Part> {
      yield { paths: {}, definitions: {} }
      throw new Error('no such definition')
    }
    await expect(keepOpenApiV2(broken(), 'json')).rejects.toThrow('no such definition')
  })
})
