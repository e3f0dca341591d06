import { StatusError } from '../../../kube/index.ts'
import type { Extension } from '../http/extension.ts'
import type { JoinTokenOptions, JoinTokens } from './join-tokens.ts'

const PLACE = {
  group: 'bowline.dev',
  version: 'v1alpha1',
  resource: 'jointokens',
  namespaced: false,
} as const

/**
 * `bowline token create|list|delete` over HTTPS, for whoever the authorizer lets: POST with `JoinTokenOptions` answers
 * `{ token, info }` (the only time that the token is shown), GET `{ tokens }`, DELETE by id.
 */
export function joinTokenExtensions(joinTokens: JoinTokens): readonly Extension[] {
  return [
    {
      ...PLACE,
      method: 'POST',
      handle: async ({ body, name }) => {
        if (name !== '') throw new StatusError('BadRequest', 'a join token is given its id by the server')
        return { code: 201, json: await joinTokens.create(readOptions(body)) }
      },
    },
    {
      ...PLACE,
      method: 'GET',
      handle: async ({ name }) => {
        const tokens = await joinTokens.list()
        if (name === '') return { json: { tokens } }
        const token = tokens.find(({ id }) => id === name)
        if (token === undefined) throw notFound(name)
        return { json: token }
      },
    },
    {
      ...PLACE,
      method: 'DELETE',
      handle: async ({ name }) => {
        if (!(await joinTokens.revoke(name))) throw notFound(name)
        return { json: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success' } }
      },
    },
  ]
}

function readOptions(body: unknown): JoinTokenOptions {
  const { description, lifetimeMs, singleUse } = (body ?? {}) as {
    readonly [key in keyof JoinTokenOptions]: unknown
  }
  if (description !== undefined && typeof description !== 'string') throw bad('description must be a string')
  if (lifetimeMs !== undefined && typeof lifetimeMs !== 'number') throw bad('lifetimeMs must be a number')
  if (singleUse !== undefined && typeof singleUse !== 'boolean') throw bad('singleUse must be true or false')
  return {
    ...(description === undefined ? {} : { description }),
    ...(lifetimeMs === undefined ? {} : { lifetimeMs }),
    ...(singleUse === undefined ? {} : { singleUse }),
  }
}

function bad(state: string): StatusError {
  return new StatusError('BadRequest', `Cannot create join token: ${state}`)
}

function notFound(id: string): StatusError {
  return new StatusError('NotFound', `jointokens.bowline.dev ${JSON.stringify(id)} not found`, {
    name: id,
    group: PLACE.group,
    kind: PLACE.resource,
  })
}
