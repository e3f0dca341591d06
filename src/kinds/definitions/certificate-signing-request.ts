import { deepEqual } from '../../base/index.ts'
import type {
  CertificateSigningRequest,
  CertificateSigningRequestCondition,
} from '../../kube/generated/types.ts'
import { formatAge, Kinds } from '../../kube/index.ts'
import { ageColumn, ageOf, nameColumn, nameOf, textColumn } from '../table/columns.ts'
import type { Problems } from '../validation/problems.ts'
import { type Draft, defineKind, type KindDefinition } from './definition.ts'

/** The conditions that only the `approval` subresource writes. */
const DECISIONS = ['Approved', 'Denied']
/** Certificates of less than ten minutes are refused: clocks are not that equal. */
const MIN_EXPIRATION_SECONDS = 600

/** `certificates/v1` key usages. */
const USAGES = [
  'any',
  'cert sign',
  'client auth',
  'code signing',
  'content commitment',
  'crl sign',
  'data encipherment',
  'decipher only',
  'digital signature',
  'email protection',
  'encipher only',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'key agreement',
  'key encipherment',
  'microsoft sgc',
  'netscape sgc',
  'ocsp signing',
  's/mime',
  'server auth',
  'signing',
  'timestamping',
]

export const certificateSigningRequestKind: KindDefinition<CertificateSigningRequest> = defineKind(
  Kinds.CertificateSigningRequest,
  {
    definition: 'io.k8s.api.certificates.v1.CertificateSigningRequest',
    nameRule: 'path-segment',
    selectable: { 'spec.signerName': object => object.spec.signerName },
    columns: [
      nameColumn,
      ageColumn,
      textColumn('SignerName', 'Who is asked to sign.'),
      textColumn('Requestor', 'Who asks.'),
      textColumn('RequestedDuration', 'How long the certificate is asked to last.'),
      textColumn('Condition', 'Pending, Approved, Denied, Failed, Issued.'),
    ],
    row: (object, nowMs) => [
      nameOf(object),
      ageOf(object, nowMs),
      object.spec.signerName || '<none>',
      object.spec.username ?? '',
      object.spec.expirationSeconds === undefined
        ? '<none>'
        : formatAge(object.spec.expirationSeconds * 1000),
      conditionText(object),
    ],
    validate: validateRequest,
    prepareForCreate(draft) {
      draft.status = {}
    },
    prepareForUpdate(draft, old, subresource) {
      if (subresource !== 'status' && subresource !== 'approval') return
      const isDecision = ({ type }: { type?: string | undefined }) => DECISIONS.includes(type ?? '')
      const keeps = subresource === 'status' ? isDecision : (item: { type?: string }) => !isDecision(item)
      const next = draft.status?.conditions ?? []
      // Signers write certificates and failures, approvers decisions: neither can write the other's part.
      draft.status = {
        ...(subresource === 'status' ? draft.status : old.status),
        conditions: [
          ...(old.status?.conditions ?? []).filter(keeps).map(condition => ({ ...condition })),
          ...next.filter(condition => !keeps(condition as CertificateSigningRequestCondition)),
        ],
      }
    },
  },
)

function validateRequest(
  object: Draft<CertificateSigningRequest>,
  problems: Problems,
  old: CertificateSigningRequest | undefined,
): void {
  const { signerName = '', usages = [], expirationSeconds, request = '' } = object.spec ?? {}
  if (request === '') problems.required('spec.request')
  if (usages.length === 0) problems.required('spec.usages')
  usages.forEach((usage, index) => {
    if (!USAGES.includes(usage)) problems.notSupported(`spec.usages[${index}]`, usage, USAGES)
    if (usages.indexOf(usage) !== index) problems.duplicate(`spec.usages[${index}]`, usage)
  })
  if (signerName === '') problems.required('spec.signerName')
  else if (!/^[^/]+\/[^/].*$/.test(signerName)) {
    problems.invalid(
      'spec.signerName',
      signerName,
      'must be a fully qualified domain and path of the form "example.com/signer-name"',
    )
  }
  if (expirationSeconds !== undefined && expirationSeconds < MIN_EXPIRATION_SECONDS) {
    problems.invalid(
      'spec.expirationSeconds',
      expirationSeconds,
      'may not specify a duration less than 600 seconds (10 minutes)',
    )
  }
  if (old !== undefined && !deepEqual(object.spec, old.spec))
    problems.invalid('spec', '', 'field is immutable')
  const decisions = (object.status?.conditions ?? []).map(({ type }) => type)
  if (DECISIONS.every(decision => decisions.includes(decision)))
    problems.invalid('status.conditions', decisions, 'Approved and Denied conditions are mutually exclusive')
}

function conditionText(object: CertificateSigningRequest): string {
  const has = (type: string) => object.status?.conditions?.some(condition => condition.type === type)
  const words = has('Denied') ? ['Denied'] : has('Approved') ? ['Approved'] : ['Pending']
  if (has('Failed')) words.push('Failed')
  if (object.status?.certificate) words.push('Issued')
  return words.join(',')
}
