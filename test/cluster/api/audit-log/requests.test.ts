import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type AuditedRequest, auditEvent } from '../../../../src/cluster/api/audit-log/audit-event.ts'
import { startTestApi, type TestApi } from '../support/api-server.ts'
import { ask } from '../support/https.ts'

const MAPS = '/api/v1/namespaces/default/configmaps'
const POLICIES = '/apis/admissionregistration.k8s.io/v1'

const recorded: AuditedRequest[] = []
let api: TestApi
beforeAll(async () => {
  api = await startTestApi({ auditLog: { record: request => recorded.push(request) } })
})
afterAll(() => api.close())

/** The event of the one request that `action` sends. */
async function eventOf(action: () => Promise<unknown>): Promise<Record<string, unknown>> {
  recorded.length = 0
  await action()
  const request = await vi.waitFor(() => {
    expect(recorded).toHaveLength(1)
    return recorded[0] as AuditedRequest
  })
  return auditEvent(request) as Record<string, unknown>
}

function configMap(metadata: object, data = {}): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data }
}

describe('the audit log of the API', () => {
  it('is told who asked for what and how it ended, by the id of the answer, and of no body', async () => {
    let reply: Awaited<ReturnType<typeof ask>> | undefined
    const event = await eventOf(async () => {
      const body = configMap({ generateName: 'made-' }, { key: 'not to be seen' })
      reply = await ask(api, `${MAPS}?fieldManager=me`, { method: 'POST', body })
    })
    expect(event).toMatchObject({
      auditID: reply?.headers['audit-id'],
      requestURI: `${MAPS}?fieldManager=me`,
      verb: 'create',
      user: { username: 'bowline-admin' },
      objectRef: { resource: 'configmaps', namespace: 'default', name: reply?.json.metadata.name },
      responseStatus: { code: 201 },
    })
    expect(JSON.stringify(event)).not.toContain('not to be seen')
  })

  it('is told of what was refused, and of whom somebody acts as', async () => {
    const eve = await api.identity('eve', ['devs'])
    const forbidden = await eventOf(() => ask(api, `${MAPS}/x`, { method: 'DELETE', as: eve }))
    expect(forbidden).toMatchObject({
      verb: 'delete',
      user: { username: 'eve', groups: ['devs', 'system:authenticated'] },
      objectRef: { name: 'x' },
      responseStatus: { code: 403 },
    })
    const headers = { 'impersonate-user': 'bob' }
    expect(await eventOf(() => ask(api, `${MAPS}/x`, { method: 'DELETE', headers }))).toMatchObject({
      user: { username: 'bowline-admin' },
      impersonatedUser: { username: 'bob' },
      responseStatus: { code: 403 },
    })
  })

  it('holds what policies say whose action is Audit, and the write passes', async () => {
    const rule = { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] }
    await ask(api, `${POLICIES}/validatingadmissionpolicies`, {
      method: 'POST',
      body: {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingAdmissionPolicy',
        metadata: { name: 'sizes' },
        spec: {
          matchConstraints: { resourceRules: [rule] },
          validations: [
            { expression: 'true' },
            { expression: 'object.data.size() < 2', message: 'too much' },
          ],
          auditAnnotations: [
            { key: 'size', valueExpression: 'string(object.data.size())' },
            { key: 'nothing', valueExpression: 'null' },
          ],
        },
      },
    })
    await ask(api, `${POLICIES}/validatingadmissionpolicybindings`, {
      method: 'POST',
      body: {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingAdmissionPolicyBinding',
        metadata: { name: 'audit-sizes' },
        spec: { policyName: 'sizes', validationActions: ['Audit'] },
      },
    })
    const event = await eventOf(() =>
      ask(api, MAPS, { method: 'POST', body: configMap({ name: 'large' }, { a: '1', b: '2' }) }),
    )
    expect(event).toMatchObject({ responseStatus: { code: 201 } })
    const annotations = event.annotations as Record<string, string>
    expect(annotations).toEqual({
      'sizes/size': '2',
      'validation.policy.admission.k8s.io/validation_failure': expect.any(String),
    })
    expect(JSON.parse(annotations['validation.policy.admission.k8s.io/validation_failure'] ?? '')).toEqual([
      {
        message: 'too much',
        policy: 'sizes',
        binding: 'audit-sizes',
        expressionIndex: 1,
        validationActions: ['Audit'],
      },
    ])
  })
})
