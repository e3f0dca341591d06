import { describe, expect, it } from 'vitest'
import { applyDefaults, tableRow, validateObject } from '../../../src/kinds/index.ts'
import { type Kind, Kinds, type KubeObject } from '../../../src/kube/index.ts'
import { manifest } from '../../kube/objects.ts'

const V1 = 'rbac.authorization.k8s.io/v1'
const HERE = { namespace: 'shop' }
const ROLE_REF = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' }

function problemsOf(kind: Kind, object: KubeObject, old?: KubeObject): readonly string[] {
  return validateObject(kind, applyDefaults(kind, object), old).map(
    ({ path, message }) => `${path}: ${message}`,
  )
}

function role(rules: readonly object[]): KubeObject {
  return manifest(V1, 'Role', { rules, metadata: { name: 'r', ...HERE } })
}

function clusterRole(fields: object): KubeObject {
  return manifest(V1, 'ClusterRole', { metadata: { name: 'system:r' }, ...fields })
}

function binding(fields: object): KubeObject {
  return manifest(V1, 'RoleBinding', { metadata: { name: 'b', ...HERE }, roleRef: ROLE_REF, ...fields })
}

function clusterBinding(fields: object): KubeObject {
  return manifest(V1, 'ClusterRoleBinding', { metadata: { name: 'b' }, roleRef: ROLE_REF, ...fields })
}

describe('roles', () => {
  it.each<[string, Kind, KubeObject, readonly string[]]>([
    ['a good role', Kinds.Role, role([{ apiGroups: [''], resources: ['pods/log'], verbs: ['get'] }]), []],
    ['a role without rules', Kinds.Role, role([]), []],
    [
      'a rule with nothing in it',
      Kinds.Role,
      role([{ verbs: [] }]),
      [
        'rules[0].verbs: Required value: verbs must contain at least one value',
        'rules[0].apiGroups: Required value: resource rules must supply at least one api group',
        'rules[0].resources: Required value: resource rules must supply at least one resource',
      ],
    ],
    [
      'paths in a namespace',
      Kinds.Role,
      role([{ nonResourceURLs: ['/version'], verbs: ['get'] }]),
      [
        'rules[0].nonResourceURLs: Invalid value: ["/version"]: namespaced rules cannot apply to non-resource URLs',
      ],
    ],
    [
      'paths beside resources',
      Kinds.ClusterRole,
      clusterRole({ rules: [{ nonResourceURLs: ['/x'], resources: ['pods'], verbs: ['get'] }] }),
      [
        'rules[0].nonResourceURLs: Invalid value: ["/x"]: rules cannot apply to both regular resources and non-resource URLs',
      ],
    ],
    [
      'a role that gathers nothing',
      Kinds.ClusterRole,
      clusterRole({ aggregationRule: {} }),
      [
        'aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil',
      ],
    ],
    [
      'a selector that says nothing',
      Kinds.ClusterRole,
      clusterRole({
        aggregationRule: { clusterRoleSelectors: [{ matchExpressions: [{ key: 'a', operator: 'In' }] }] },
      }),
      [
        "aggregationRule.clusterRoleSelectors[0].matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
      ],
    ],
  ])('%s', (_, kind, object, problems) => {
    expect(problemsOf(kind, object)).toEqual(problems)
  })
})

describe('bindings', () => {
  it('are completed with RBAC’s own group, but not for ServiceAccounts', () => {
    const subjects = [
      { kind: 'User', name: 'ada' },
      { kind: 'Group', name: 'ops' },
      { kind: 'ServiceAccount', name: 'bot' },
    ]
    const completed = applyDefaults(
      Kinds.RoleBinding,
      binding({ roleRef: { kind: 'Role', name: 'r' }, subjects }),
    )
    expect(completed).toMatchObject({
      roleRef: { apiGroup: 'rbac.authorization.k8s.io' },
      subjects: [
        { apiGroup: 'rbac.authorization.k8s.io' },
        { apiGroup: 'rbac.authorization.k8s.io' },
        { kind: 'ServiceAccount', name: 'bot' },
      ],
    })
    expect((completed as unknown as { subjects: object[] }).subjects[2]).not.toHaveProperty('apiGroup')
    expect(tableRow(Kinds.RoleBinding, completed, 0).slice(3)).toEqual(['ada', 'ops', '/bot'])
  })

  it.each<[string, Kind, KubeObject, readonly string[]]>([
    ['a good one', Kinds.RoleBinding, binding({ subjects: [{ kind: 'User', name: 'ada' }] }), []],
    [
      'a role of no kind and no name',
      Kinds.RoleBinding,
      binding({ roleRef: { apiGroup: 'x', kind: 'Pod', name: '' } }),
      [
        'roleRef.apiGroup: Unsupported value: "x": supported values: "rbac.authorization.k8s.io"',
        'roleRef.kind: Unsupported value: "Pod": supported values: "ClusterRole", "Role"',
        'roleRef.name: Required value',
      ],
    ],
    [
      'a Role for the whole cluster',
      Kinds.ClusterRoleBinding,
      clusterBinding({ roleRef: { kind: 'Role', name: 'r' } }),
      ['roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"'],
    ],
    [
      'subjects of every wrong sort',
      Kinds.ClusterRoleBinding,
      clusterBinding({
        subjects: [
          { kind: 'ServiceAccount', name: 'bot' },
          { kind: 'ServiceAccount', name: 'B', namespace: 'x', apiGroup: 'y' },
          { kind: 'Robot', name: '' },
        ],
      }),
      [
        'subjects[0].namespace: Required value',
        expect.stringContaining('subjects[1].name: Invalid value: "B"'),
        'subjects[1].apiGroup: Unsupported value: "y": supported values: ""',
        'subjects[2].name: Required value',
        'subjects[2].kind: Unsupported value: "Robot": supported values: "Group", "ServiceAccount", "User"',
      ],
    ],
  ])('%s', (_, kind, object, problems) => {
    expect(problemsOf(kind, object)).toEqual(problems)
  })

  it('never bind to another role', () => {
    const old = applyDefaults(Kinds.RoleBinding, binding({}))
    const other = binding({ roleRef: { ...ROLE_REF, name: 'admin' } })
    expect(problemsOf(Kinds.RoleBinding, other, old)).toEqual([
      expect.stringMatching(/^roleRef: Invalid value: .*cannot change roleRef$/),
    ])
  })
})
