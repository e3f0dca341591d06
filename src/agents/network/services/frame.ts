import { formatIpv4, parseSubnet } from '../../../base/index.ts'
import { pickChains } from './pick.ts'
import type { Place } from './place.ts'

/**
 * The part of the table that stays. Its maps say where traffic goes, so that one service more or less is a few elements and no rule:
 *
 * - `services` and `node-ports` lead a new connection by its destination to a chain that picks one of n backends, and `backends`,
 *   `node-port-backends` say which the i-th is. Only services with affinity, `Local` policies or source ranges have chains of
 *   their own.
 * - `unserved…` are refused before they are translated, so that nothing else on the host answers for a service without backends.
 * - After the translation, what still goes to a service address is not served there: a known address refuses, others are dropped
 *   (as upstream: a service that is just being made must not answer "refused").
 * - Only what must not keep its source loses it: a pod that reaches itself, a connection from outside that is handed to another
 *   host, and pods that leave the cluster.
 * - `egress` and `ingress` hold the pods of this node that network policies isolate. They see the real addresses of both ends,
 *   since translation of destinations comes before and that of sources after them.
 * - The node's DNS address is nobody else's: a pod with port 53 of the host, or a service with that address, would answer for all names.
 * - What a program of the host listens at is its own, whatever a service or a pod says: translation comes before any socket.
 * - While the agent starts anew nobody listens at the node's DNS address. Pods are not told so: glibc gives up at once when a
 *   question is refused, and asks again when it is lost.
 */
export function tableFrame({ podCidr, clusterCidr, serviceCidr }: Place): string {
  const names = `ip daddr ${dnsAddress(podCidr)} th dport 53`
  const listeners = `meta l4proto . th dport @host-listeners fib daddr type local return
      ip daddr . meta l4proto . th dport @host-listeners-at return`
  return `
    map services { type ipv4_addr . inet_proto . inet_service : verdict; }
    map node-ports { type inet_proto . inet_service : verdict; }
    map backends { typeof ip daddr . meta l4proto . th dport . numgen random mod 65536 : ip daddr . th dport; }
    map node-port-backends { typeof meta l4proto . th dport . numgen random mod 65536 : ip daddr . th dport; }
    map host-ports { type inet_proto . inet_service : ipv4_addr . inet_service; }
    map host-ports-at { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }
    set host-listeners { type inet_proto . inet_service; }
    set host-listeners-at { type ipv4_addr . inet_proto . inet_service; }
    set cluster-ips { type ipv4_addr; }
    set unserved { type ipv4_addr . inet_proto . inet_service; }
    set unserved-node-ports { type inet_proto . inet_service; }
    set self { type ipv4_addr . ipv4_addr; }
    set outside-backends { type ipv4_addr . inet_proto . inet_service; }
    set udp-flows { type ipv4_addr . inet_service . ipv4_addr . inet_service; }
    map egress { type ipv4_addr : verdict; }
    map ingress { type ipv4_addr : verdict; }

${pickChains()}

    chain refuse {
      ${names} return
      ${listeners}
      ip daddr . meta l4proto . th dport @unserved goto refusal
      ip daddr 127.0.0.0/8 return
      fib daddr type local meta l4proto . th dport @unserved-node-ports goto refusal
    }
    chain refusal {
      meta l4proto 6 reject with tcp reset
      reject
    }
    chain before-prerouting {
      type filter hook prerouting priority -110
      ct state new jump refuse
    }
    chain before-output {
      type filter hook output priority -110
      ct state new jump refuse
    }
    chain prerouting {
      type nat hook prerouting priority -100
      jump translate
    }
    chain output-translation {
      type nat hook output priority -100
      jump translate
    }
    chain translate {
      ${names} return
      ${listeners}
      ip daddr . meta l4proto . th dport vmap @services
      ip daddr 127.0.0.0/8 return
      fib daddr type != local return
      meta l4proto . th dport vmap @node-ports
      dnat to ip daddr . meta l4proto . th dport map @host-ports-at
      dnat to meta l4proto . th dport map @host-ports
    }
    chain not-served {
      ip daddr @cluster-ips goto refusal
      ip daddr ${serviceCidr} drop
    }
    chain output {
      type filter hook output priority 0
      ip saddr ${dnsAddress(podCidr)} icmp type 3 icmp code 3 @th,240,16 53 drop
      jump not-served
    }
    chain forward {
      type filter hook forward priority 0
      ct state vmap { established : accept, related : accept }
      ct state invalid ip saddr ${clusterCidr} drop
      jump not-served
      ip saddr . ip daddr @self accept
      ip saddr vmap @egress
      ip daddr vmap @ingress
    }
    chain postrouting {
      type nat hook postrouting priority 100
      oifname "lo" accept
      ct status dnat ip saddr . ip daddr @self masquerade fully-random
      ct status dnat ip saddr != ${clusterCidr} ip daddr ${clusterCidr} ip daddr != ${podCidr} masquerade fully-random
      ct status dnat ip daddr . meta l4proto . th dport @outside-backends masquerade fully-random
      ip saddr ${podCidr} ip daddr != ${clusterCidr} masquerade fully-random
    }`
}

/** The first address of the node's pods is the host's, and its DNS server's. */
function dnsAddress(podCidr: string): string {
  return formatIpv4((parseSubnet(podCidr)?.base ?? 0) + 1)
}

/** What protocols are called in scripts. */
export const PROTOCOL_NUMBERS = { TCP: 6, UDP: 17, SCTP: 132 } as const
