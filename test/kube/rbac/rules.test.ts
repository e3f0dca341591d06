import { describe, expect, it } from 'vitest'
import {
  type Action,
  combinationsIn,
  describeRule,
  missingRules,
  type PolicyRule,
  ruleAllows,
  uncoveredRules,
} from '../../../src/kube/index.ts'

function rule(given: Partial<PolicyRule>): PolicyRule {
  return { apiGroups: [''], resources: ['pods'], verbs: ['get'], ...given }
}

function on(resource: string, given: { verb?: string; group?: string; name?: string } = {}): Action {
  const [plain = '', subresource = ''] = resource.split('/')
  return { verb: 'get', group: '', name: 'web', ...given, resource: plain, subresource }
}

describe('ruleAllows()', () => {
  it.each<[string, PolicyRule, Action, boolean]>([
    ['the verb, the group and the resource', rule({}), on('pods'), true],
    ['another verb', rule({}), on('pods', { verb: 'list' }), false],
    ['another group', rule({}), on('pods', { group: 'apps' }), false],
    ['another resource', rule({}), on('secrets'), false],
    ['every verb', rule({ verbs: ['*'] }), on('pods', { verb: 'impersonate' }), true],
    ['every group', rule({ apiGroups: ['*'] }), on('pods', { group: 'metrics.k8s.io' }), true],
    ['every resource', rule({ resources: ['*'] }), on('secrets'), true],
    ['a subresource of every resource', rule({ resources: ['*'] }), on('pods/log'), true],
    ['a resource is not its subresources', rule({}), on('pods/log'), false],
    ['a subresource is not its resource', rule({ resources: ['pods/log'] }), on('pods'), false],
    ['a subresource', rule({ resources: ['pods/log'] }), on('pods/log'), true],
    ['one subresource of all', rule({ resources: ['*/scale'] }), on('deployments/scale'), true],
    ['another subresource of all', rule({ resources: ['*/scale'] }), on('deployments/status'), false],
    ['a star before a slash is no resource', rule({ resources: ['*/'] }), on('pods'), false],
    ['a name', rule({ resourceNames: ['api', 'web'] }), on('pods'), true],
    ['another name', rule({ resourceNames: ['api'] }), on('pods'), false],
    ['a name where none is asked', rule({ resourceNames: ['web'] }), on('pods', { name: '' }), false],
    ['a path', { nonResourceURLs: ['/version'], verbs: ['get'] }, { verb: 'get', path: '/version' }, true],
    [
      'below a path',
      { nonResourceURLs: ['/apis/*'], verbs: ['get'] },
      { verb: 'get', path: '/apis/apps' },
      true,
    ],
    [
      'beside a path',
      { nonResourceURLs: ['/apis/*'], verbs: ['get'] },
      { verb: 'get', path: '/apis' },
      false,
    ],
    ['every path', { nonResourceURLs: ['*'], verbs: ['*'] }, { verb: 'put', path: '/x' }, true],
    [
      'a star is only special at the end',
      { nonResourceURLs: ['/*/x'], verbs: ['get'] },
      { verb: 'get', path: '/a/x' },
      false,
    ],
    [
      'a path of many stars',
      { nonResourceURLs: [`${'*'.repeat(1 << 20)}x*`], verbs: ['get'] },
      { verb: 'get', path: '/x' },
      false,
    ],
    ['a path is no resource', { nonResourceURLs: ['*'], verbs: ['*'] }, on('pods'), false],
    [
      'a resource is no path',
      rule({ verbs: ['*'], resources: ['*'], apiGroups: ['*'] }),
      { verb: 'get', path: '/' },
      false,
    ],
    [
      'a rule without verbs',
      { apiGroups: ['*'], resources: ['*'] } as unknown as PolicyRule,
      on('pods'),
      false,
    ],
  ])('%s', (_, given, action, allowed) => {
    expect(ruleAllows(given, action)).toBe(allowed)
  })
})

describe('missingRules()', () => {
  const held = [
    rule({ resources: ['pods', '*/scale'], verbs: ['get', 'list'] }),
    rule({ resources: ['secrets'], resourceNames: ['shop'], verbs: ['*'] }),
    { nonResourceURLs: ['/apis/*'], verbs: ['get'] },
  ]

  it.each<[string, PolicyRule, readonly PolicyRule[]]>([
    ['nothing of what is held', rule({ verbs: ['list', 'get'] }), []],
    ['nothing of one name of what is held for all', rule({ resourceNames: ['web'] }), []],
    [
      'what is more than what is held',
      rule({ verbs: ['get', 'delete', 'update'] }),
      [rule({ verbs: ['delete', 'update'] })],
    ],
    ['all names where one is held', rule({ resources: ['secrets'] }), [rule({ resources: ['secrets'] })]],
    [
      'another name',
      rule({ resources: ['secrets'], resourceNames: ['shop', 'till'] }),
      [rule({ resources: ['secrets'], resourceNames: ['till'] })],
    ],
    ['nothing of a subresource held of all', rule({ resources: ['deployments/scale'] }), []],
    ['every verb where some are held', rule({ verbs: ['*'] }), [rule({ verbs: ['*'] })]],
    ['every resource', rule({ resources: ['*'] }), [rule({ resources: ['*'] })]],
    ['nothing below a path', { nonResourceURLs: ['/apis/apps/*'], verbs: ['get'] }, []],
    [
      'a path above',
      { nonResourceURLs: ['/*'], verbs: ['get'] },
      [{ nonResourceURLs: ['/*'], verbs: ['get'] }],
    ],
    [
      'nothing of a rule that allows nothing',
      { apiGroups: [''], resources: ['x'] } as unknown as PolicyRule,
      [],
    ],
  ])('finds %s', (_, wanted, missing) => {
    expect(missingRules(held, [wanted])).toEqual(missing)
  })

  it('an administrator lacks nothing, and nobody else has everything', () => {
    const everything = [
      { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
      { nonResourceURLs: ['*'], verbs: ['*'] },
    ]
    expect(missingRules(everything, [...held, ...everything])).toEqual([])
    expect(missingRules(held, everything)).toEqual(everything)
  })

  it('a rule that one held rule covers whole needs no comparison of its combinations', () => {
    const wanted = [
      rule({ resources: ['pods', 'secrets'], verbs: ['get', 'list'], resourceNames: ['a', 'b', 'c'] }),
      { nonResourceURLs: ['/x', '/y'], verbs: ['get'] },
    ]
    expect(combinationsIn(wanted)).toBe(2 * 2 * 3 + 2)
    expect(uncoveredRules([rule({ resources: ['*'], verbs: ['*'] })], wanted)).toEqual(wanted.slice(1))
  })

  it('describes what is missing as upstream does', () => {
    expect(describeRule(rule({ apiGroups: ['apps'], resources: ['deployments', 'replicasets'] }))).toBe(
      '{APIGroups:["apps"], Resources:["deployments", "replicasets"], Verbs:["get"]}',
    )
  })
})
