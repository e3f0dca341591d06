/** The condition of a Node whose agent serves ingresses. */
export const INGRESS_CONDITION = 'IngressServing'
