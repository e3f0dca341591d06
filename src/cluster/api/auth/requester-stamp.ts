import type { KubeObject } from '../../../kube/index.ts'
import type { Admission } from '../contract.ts'

/**
 * Writes into a new certificate signing request who makes it, over whatever the body says: signing decides by this alone
 * (upstream's strategy does the same, registry/certificates/certificates/strategy.go).
 */
export const requesterStamp: Admission = {
  admit({ verb, subresource, kind, user, object }) {
    const isNew = verb === 'create' && subresource === '' && kind.kind === 'CertificateSigningRequest'
    if (!isNew || kind.group !== 'certificates.k8s.io' || object === undefined) return object
    const { uid: _uid, extra: _extra, ...spec } = (object as { spec?: { [key: string]: unknown } }).spec ?? {}
    const { username, groups, uid, extra } = user
    const requester = { username, groups: [...groups], ...(uid && { uid }), ...(extra && { extra }) }
    return { ...object, spec: { ...spec, ...requester } } as KubeObject
  },
}
