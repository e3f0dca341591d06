import { containsAddress, formatSubnet, parseIpv4, type Subnet } from '../../../base/index.ts'
import { Kinds, type KubeObject, type Service } from '../../../kube/index.ts'
import type { Admission } from '../contract.ts'
import { forbidden } from '../refusals.ts'

/**
 * Refuses external addresses of services that are in none of the `allowed` networks, as upstream's DenyServiceExternalIPs refuses all:
 * every host leads what is sent to them to the service, so that whoever may make one could take the traffic of any address
 * (CVE-2020-8554). What a service has already it keeps.
 */
export function externalAddresses(allowed: readonly Subnet[]): Admission {
  return {
    admit({ verb, kind, subresource, name, object, old }) {
      if (subresource !== '' || (verb !== 'create' && verb !== 'update')) return object
      if (kind.group !== '' || kind.kind !== Kinds.Service.kind) return object
      const before = addressesOf(old)
      const refused = addressesOf(object).find(
        address => !before.includes(address) && !allowed.some(network => holds(network, address)),
      )
      if (refused === undefined) return object
      const networks = allowed.map(formatSubnet).join(', ')
      throw forbidden(
        kind,
        name,
        `spec.externalIPs: ${refused} is in no network that this cluster allows external addresses in${
          networks === '' ? '' : ` (${networks})`
        }; the server must be started with --service-external-ips and a network that has it`,
      )
    },
  }
}

function addressesOf(service: KubeObject | undefined): readonly string[] {
  return (service as Service | undefined)?.spec?.externalIPs ?? []
}

function holds(network: Subnet, address: string): boolean {
  const number = parseIpv4(address)
  return number !== undefined && containsAddress(network, number)
}
