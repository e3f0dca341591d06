import type { APIService } from '../../kube/generated/types.ts'
import { dnsSubdomainProblems, Kinds } from '../../kube/index.ts'
import { ageColumn, ageOf, nameColumn, nameOf, textColumn } from '../table/columns.ts'
import { defineKind, type KindDefinition } from './definition.ts'

const MAX_GROUP_PRIORITY = 20_000
const MAX_VERSION_PRIORITY = 1_000

export const apiServiceKind: KindDefinition<APIService> = defineKind(Kinds.APIService, {
  definition: 'io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIService',
  // The core group's are called `v1.`.
  nameRule: 'path-segment',
  inert: 'requests are not passed on to other API servers',
  columns: [
    nameColumn,
    textColumn('Service', 'Who serves the group.'),
    textColumn('Available', 'Whether it answers.'),
    ageColumn,
  ],
  row: (object, nowMs) => {
    const { service } = object.spec ?? {}
    const available = object.status?.conditions?.find(({ type }) => type === 'Available')
    const reason = available?.status === 'True' || !available?.reason ? '' : ` (${available.reason})`
    return [
      nameOf(object),
      service === undefined ? 'Local' : `${service.namespace}/${service.name}`,
      `${available?.status ?? 'Unknown'}${reason}`,
      ageOf(object, nowMs),
    ]
  },
  validate({ metadata, spec }, problems) {
    const { group = '', version = '', groupPriorityMinimum = 0, versionPriority = 0, service } = spec ?? {}
    const name = `${version}.${group}`
    if (metadata?.name !== name)
      problems.invalid('metadata.name', metadata?.name, `must be \`spec.version+"."+spec.group\`: "${name}"`)
    if (group === '' && version !== 'v1')
      problems.required('spec.group', 'only v1 may have an empty group and it better be legacy kube')
    if (group !== '') problems.invalidEach('spec.group', group, dnsSubdomainProblems(group))
    if (version === '') problems.required('spec.version')
    else if (!/^[a-z]([-a-z0-9]*[a-z0-9])?$/.test(version))
      problems.invalid(
        'spec.version',
        version,
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
      )
    if (groupPriorityMinimum <= 0 || groupPriorityMinimum > MAX_GROUP_PRIORITY)
      problems.invalid(
        'spec.groupPriorityMinimum',
        groupPriorityMinimum,
        `must be positive and less than ${MAX_GROUP_PRIORITY}`,
      )
    if (versionPriority <= 0 || versionPriority > MAX_VERSION_PRIORITY)
      problems.invalid(
        'spec.versionPriority',
        versionPriority,
        `must be positive and less than ${MAX_VERSION_PRIORITY}`,
      )
    if (service === undefined) {
      if ((spec?.caBundle ?? '') !== '')
        problems.invalid(
          'spec.caBundle',
          `${spec?.caBundle?.length} bytes`,
          'local APIServices may not have a caBundle',
        )
      if (spec?.insecureSkipTLSVerify)
        problems.invalid(
          'spec.insecureSkipTLSVerify',
          spec.insecureSkipTLSVerify,
          'local APIServices may not have insecureSkipTLSVerify',
        )
      return
    }
    if (!service.namespace) problems.required('spec.service.namespace')
    if (!service.name) problems.required('spec.service.name')
    if ((service.port ?? 443) < 1 || (service.port ?? 443) > 65_535)
      problems.invalid(
        'spec.service.port',
        service.port,
        'port is not valid: must be between 1 and 65535, inclusive',
      )
    if (spec?.insecureSkipTLSVerify && (spec.caBundle ?? '') !== '')
      problems.invalid(
        'spec.insecureSkipTLSVerify',
        spec.insecureSkipTLSVerify,
        'may not be true if caBundle is present',
      )
  },
})
