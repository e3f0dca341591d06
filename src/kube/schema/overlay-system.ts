import { atomicList, conditionStatus, kindOf, mapList, type Overlay } from './markers.ts'

/** Leases and certificate signing requests: what nodes and their certificates live on. */
export const systemOverlay: Overlay = {
  Lease: { definition: kindOf('coordination.k8s.io', 'v1', 'Lease') },
  CertificateSigningRequest: {
    definition: kindOf('certificates.k8s.io', 'v1', 'CertificateSigningRequest'),
  },
  CertificateSigningRequestSpec: {
    fields: {
      groups: atomicList,
      usages: atomicList,
      extra: { additionalProperties: { type: 'array', items: { type: 'string' }, ...atomicList } },
    },
  },
  CertificateSigningRequestCondition: { fields: { status: conditionStatus } },
  CertificateSigningRequestStatus: { fields: { conditions: mapList('type') } },
}
