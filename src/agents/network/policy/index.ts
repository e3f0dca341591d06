/**
 * Network policies on one node: which pods of it they isolate, and what those may still do, in the table of services. The addresses of
 * peers come from the server (PolicyEndpoints); which of its own pods a policy selects the node decides itself, before they run.
 *
 *     const pods = new LocalPods({ pods, policies })
 *     const router = new ServiceRouter({ …, others: [pods] })
 *     if (pods.admit(pod, address)) await router.settled()      // before the pod's first container runs
 */
export { LocalPods } from './local-pods.ts'
