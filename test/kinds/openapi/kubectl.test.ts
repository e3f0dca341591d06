import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  aggregatedDiscovery,
  coreVersions,
  groupList,
  openApiIndex,
  openApiV3,
  resourceList,
} from '../../../src/kinds/index.ts'

const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'

let server: Server
let aggregated = true
const cacheDir = mkdtempSync(join(tmpdir(), 'bowline-kubectl-'))

/** What kubectl prints, asked of a server that has nothing but the documents. */
async function kubectl(...args: readonly string[]): Promise<string> {
  const { port } = server.address() as AddressInfo
  const target = ['--server', `http://127.0.0.1:${port}`, '--cache-dir', join(cacheDir, String(aggregated))]
  const { stdout } = await promisify(execFile)('kubectl', [...target, ...args], {
    env: { ...process.env, KUBECONFIG: join(cacheDir, 'none') },
  })
  return stdout
}

function answer(response: ServerResponse, document: object | undefined, type = 'application/json'): void {
  response.writeHead(document === undefined ? 404 : 200, { 'content-type': type })
  response.end(JSON.stringify(document ?? {}))
}

beforeAll(async () => {
  server = createServer((request, response) => {
    const path = new URL(request.url ?? '', 'http://server').pathname
    const parts = path.slice(1).split('/')
    if (path === '/api' || path === '/apis') {
      const isCore = path === '/api'
      if (aggregated) answer(response, aggregatedDiscovery(isCore ? 'core' : 'named', 'v2'), AGGREGATED)
      else answer(response, isCore ? coreVersions() : groupList())
    } else if (path === '/openapi/v3')
      answer(
        response,
        openApiIndex(() => 'hash'),
      )
    else if (path.startsWith('/openapi/v3/')) answer(response, openApiV3(path.slice('/openapi/v3/'.length)))
    else
      answer(
        response,
        parts[0] === 'api' ? resourceList('', 'v1') : resourceList(parts[1] ?? '', parts[2] ?? ''),
      )
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
})

afterAll(() => {
  server.close()
  rmSync(cacheDir, { recursive: true, force: true })
})

describe('discovery documents', () => {
  it.each([
    ['aggregatedDiscovery()', true],
    ['groupList() and resourceList()', false],
  ])('%s list every resource to kubectl', async (_, form) => {
    aggregated = form
    const lines = (await kubectl('api-resources', '--no-headers', '-o', 'wide')).trim().split('\n')
    const rows = lines.map(line => line.trim().split(/\s+/).join(' ')).sort()
    const all = 'create,delete,deletecollection,get,list,patch,update,watch'
    expect(rows).toEqual(
      [
        `apps bowline.dev/v1alpha1 false App ${all} bowline`,
        `certificatesigningrequests csr certificates.k8s.io/v1 false CertificateSigningRequest ${all}`,
        'componentstatuses cs v1 false ComponentStatus get,list',
        `clusterrolebindings rbac.authorization.k8s.io/v1 false ClusterRoleBinding ${all}`,
        `clusterroles rbac.authorization.k8s.io/v1 false ClusterRole ${all}`,
        `rolebindings rbac.authorization.k8s.io/v1 true RoleBinding ${all}`,
        `roles rbac.authorization.k8s.io/v1 true Role ${all}`,
        'localsubjectaccessreviews authorization.k8s.io/v1 true LocalSubjectAccessReview create',
        'selfsubjectaccessreviews authorization.k8s.io/v1 false SelfSubjectAccessReview create',
        'selfsubjectrulesreviews authorization.k8s.io/v1 false SelfSubjectRulesReview create',
        'subjectaccessreviews authorization.k8s.io/v1 false SubjectAccessReview create',
        'selfsubjectreviews authentication.k8s.io/v1 false SelfSubjectReview create',
        'tokenreviews authentication.k8s.io/v1 false TokenReview create',
        `configmaps cm v1 true ConfigMap ${all}`,
        `customresourcedefinitions crd,crds apiextensions.k8s.io/v1 false CustomResourceDefinition ${all} api-extensions`,
        `deployments deploy apps/v1 true Deployment ${all} all`,
        `events ev v1 true Event ${all}`,
        `leases coordination.k8s.io/v1 true Lease ${all}`,
        'namespaces ns v1 false Namespace create,delete,get,list,patch,update,watch',
        `nodes no v1 false Node ${all}`,
        `pods po v1 true Pod ${all} all`,
        `policyendpoints bowline.dev/v1alpha1 true PolicyEndpoints ${all}`,
        'records bowline.dev/v1alpha1 false Record get,list,watch bowline',
        `replicasets rs apps/v1 true ReplicaSet ${all} all`,
        `secrets v1 true Secret ${all}`,
        `serviceaccounts sa v1 true ServiceAccount ${all}`,
        `controllerrevisions apps/v1 true ControllerRevision ${all}`,
        `endpoints ep v1 true Endpoints ${all}`,
        `endpointslices discovery.k8s.io/v1 true EndpointSlice ${all}`,
        `ingressclasses networking.k8s.io/v1 false IngressClass ${all}`,
        `ingresses ing networking.k8s.io/v1 true Ingress ${all}`,
        `networkpolicies netpol networking.k8s.io/v1 true NetworkPolicy ${all}`,
        `persistentvolumeclaims pvc v1 true PersistentVolumeClaim ${all}`,
        `persistentvolumes pv v1 false PersistentVolume ${all}`,
        `services svc v1 true Service ${all} all`,
        `statefulsets sts apps/v1 true StatefulSet ${all} all`,
        `storageclasses sc storage.k8s.io/v1 false StorageClass ${all}`,
        `apiservices apiregistration.k8s.io/v1 false APIService ${all}`,
        `cronjobs cj batch/v1 true CronJob ${all} all`,
        `csidrivers storage.k8s.io/v1 false CSIDriver ${all}`,
        `csinodes storage.k8s.io/v1 false CSINode ${all}`,
        `csistoragecapacities storage.k8s.io/v1 true CSIStorageCapacity ${all}`,
        `daemonsets ds apps/v1 true DaemonSet ${all} all`,
        `events ev events.k8s.io/v1 true Event ${all}`,
        `flowschemas flowcontrol.apiserver.k8s.io/v1 false FlowSchema ${all}`,
        `horizontalpodautoscalers hpa autoscaling/v2 true HorizontalPodAutoscaler ${all} all`,
        `jobs batch/v1 true Job ${all} all`,
        `limitranges limits v1 true LimitRange ${all}`,
        `mutatingwebhookconfigurations admissionregistration.k8s.io/v1 false MutatingWebhookConfiguration ${all}`,
        `poddisruptionbudgets pdb policy/v1 true PodDisruptionBudget ${all}`,
        `podtemplates v1 true PodTemplate ${all}`,
        `priorityclasses pc scheduling.k8s.io/v1 false PriorityClass ${all}`,
        `prioritylevelconfigurations flowcontrol.apiserver.k8s.io/v1 false PriorityLevelConfiguration ${all}`,
        `replicationcontrollers rc v1 true ReplicationController ${all} all`,
        `resourcequotas quota v1 true ResourceQuota ${all}`,
        `runtimeclasses node.k8s.io/v1 false RuntimeClass ${all}`,
        `validatingadmissionpolicies admissionregistration.k8s.io/v1 false ValidatingAdmissionPolicy ${all}`,
        `validatingadmissionpolicybindings admissionregistration.k8s.io/v1 false ValidatingAdmissionPolicyBinding ${all}`,
        `validatingwebhookconfigurations admissionregistration.k8s.io/v1 false ValidatingWebhookConfiguration ${all}`,
        `volumeattachments storage.k8s.io/v1 false VolumeAttachment ${all}`,
      ].sort(),
    )
  })
})

describe('openApiV3()', () => {
  it.each([
    ['pods.spec.containers.resources', /limits\s+<map\[string\]Quantity>/],
    ['pods.spec.containers', /image\s+<string>/],
    ['pods.metadata.creationTimestamp', /FIELD: creationTimestamp <string>/],
    ['deployments.spec.strategy', /enum: Recreate, RollingUpdate/],
    ['deployments.spec.strategy.rollingUpdate', /maxSurge\s+<IntOrString>/],
    ['leases.spec', /holderIdentity\s+<string>/],
    ['certificatesigningrequests.spec', /request\s+<string> -required-/],
    ['apps.bowline.dev.spec.source', /repository\s+<string> -required-/],
    ['records.spec.plan', /changes\s+<\[\]RecordPlannedChange> -required-/],
  ])('explains %s to kubectl', async (field, expected) => {
    expect(await kubectl('explain', field)).toMatch(expected)
  })

  it.each([
    ['pod.spec', 'PodSpec is a description of a pod.', 'Affinity is a group of affinity scheduling rules.'],
    ['deployment.spec.template', 'PodTemplateSpec describes the data', 'PodSpec is a description of a pod.'],
    ['service.spec.ports.targetPort', 'The port of the pods that the service leads to', 'IntOrString is'],
    ['deployment.spec.strategy.rollingUpdate.maxSurge', 'IntOrString is', 'rounded up'],
  ])('says once what %s and its fields are', async (field, text, ofField) => {
    const said = await kubectl('explain', field)
    expect(said.split(text)).toHaveLength(2)
    expect(said).toContain(ofField)
  })
})
