import { realpathSync } from 'node:fs'
import { dirname } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { Fleet } from '../support/fleet.ts'
import { TestHosts, testHostsAvailability } from '../support/hosts.ts'
import { scriptPod, WAIT } from './support/manifests.ts'

const { available, reason } = testHostsAvailability()

/** kubectl finds the API, its authority and its own name as every client in a pod does. */
const ASK = `export HOME=/tmp
until /tools/kubectl get pods --output name; do sleep 0.5; done
/tools/kubectl get secrets
echo "namespace $(cat /var/run/secrets/kubernetes.io/serviceaccount/namespace)"
echo "done"
${WAIT}`

describe.skipIf(!available)(`ServiceAccounts in pods (${reason})`, () => {
  let hosts: TestHosts
  let fleet: Fleet
  beforeAll(async () => {
    const tools = dirname(realpathSync('/usr/bin/kubectl'))
    hosts = await TestHosts.start({ hosts: 1 })
    fleet = await Fleet.create({ main: inject('bowlineMain'), hosts, agentFlags: ['--allow-host', tools] })
    await fleet.repository.push('nothing yet', { 'README.md': 'empty' })
    await fleet.start()
    const binding = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: 'readers', namespace: 'default' },
      roleRef: { kind: 'ClusterRole', name: 'view' },
      subjects: [{ kind: 'ServiceAccount', name: 'default' }],
    }
    await fleet.kubectlOk(['create', '-f', '-'], JSON.stringify(binding))
    const volumeMounts = [{ name: 'tools', mountPath: '/tools', readOnly: true }]
    const volumes = [{ name: 'tools', hostPath: { path: tools } }]
    await fleet.kubectlOk(['create', '-f', '-'], scriptPod('asks', ASK, { volumeMounts }, { volumes }))
  })
  afterAll(async () => {
    await fleet?.destroy()
    await hosts?.destroy()
  })

  it('a pod reaches the API with its token, and may do there what its account may', async () => {
    const log = await fleet.until('the pod to have asked', async () => {
      const text = await fleet.kubectlOk(['logs', 'asks'])
      return text.includes('\ndone\n') && text
    })
    expect(log).toContain('pod/asks\n')
    expect(log).toContain(
      'secrets is forbidden: User "system:serviceaccount:default:default" cannot list resource "secrets" in API group "" in the namespace "default"',
    )
    expect(log).toContain('namespace default\n')
  })
})
