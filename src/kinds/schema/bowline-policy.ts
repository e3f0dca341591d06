import { atomicList, kindOf } from './markers.ts'
import { refTo } from './ref.ts'
import type { Schema } from './schema.ts'

const PACKAGE = 'dev.bowline.v1alpha1'

const text: Schema = { type: 'string' }
const port: Schema = { type: 'integer', format: 'int32' }

/** PolicyEndpoints: a network policy with the addresses that its selectors stand for. */
export const bowlinePolicy: { readonly [name: string]: Schema } = {
  [`${PACKAGE}.PolicyEndpoints`]: {
    ...kindOf('bowline.dev', 'v1alpha1', 'PolicyEndpoints'),
    type: 'object',
    description:
      'PolicyEndpoints is the NetworkPolicy of the same name with the addresses that its peers have now. Bowline keeps it for the agents, which may not read the pods of other hosts.',
    required: ['spec'],
    properties: {
      apiVersion: text,
      kind: text,
      metadata: { $ref: refTo('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta') },
      spec: { $ref: refTo(`${PACKAGE}.PolicyEndpointsSpec`) },
    },
  },
  [`${PACKAGE}.PolicyEndpointsSpec`]: {
    type: 'object',
    description: 'PolicyEndpointsSpec says which pods a policy isolates, and what they may still do.',
    required: ['podSelector'],
    properties: {
      podSelector: {
        $ref: refTo('io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector'),
        description: 'The pods of the namespace that the policy is for.',
      },
      ingress: {
        $ref: refTo(`${PACKAGE}.PolicyIsolation`),
        description: 'Present: the pods accept nothing but this, and what other policies allow.',
      },
      egress: {
        $ref: refTo(`${PACKAGE}.PolicyIsolation`),
        description: 'Present: the pods reach nothing but this, and what other policies allow.',
      },
    },
  },
  [`${PACKAGE}.PolicyIsolation`]: {
    type: 'object',
    description: 'PolicyIsolation is one direction of a policy.',
    required: ['allow'],
    properties: {
      allow: {
        type: 'array',
        items: { $ref: refTo(`${PACKAGE}.PolicyAllowance`) },
        ...atomicList,
        description: 'What is allowed; each by itself.',
      },
    },
  },
  [`${PACKAGE}.PolicyAllowance`]: {
    type: 'object',
    description: 'PolicyAllowance allows some peers some ports.',
    properties: {
      anyPeer: { type: 'boolean', description: 'Whoever it is.' },
      addresses: {
        type: 'array',
        items: text,
        ...atomicList,
        description: 'The IPv4 addresses of the selected pods.',
      },
      networks: {
        type: 'array',
        items: { $ref: refTo('io.k8s.api.networking.v1.IPBlock') },
        ...atomicList,
      },
      ports: {
        type: 'array',
        items: { $ref: refTo(`${PACKAGE}.PolicyEndpointsPort`) },
        ...atomicList,
        description: 'Absent: all.',
      },
    },
  },
  [`${PACKAGE}.PolicyEndpointsPort`]: {
    type: 'object',
    description: 'PolicyEndpointsPort is a port of the side that accepts the connection.',
    required: ['protocol'],
    properties: {
      protocol: { ...text, enum: ['SCTP', 'TCP', 'UDP'] },
      port: { ...port, description: 'Absent, as the name: all of the protocol.' },
      endPort: { ...port, description: 'The last of a range that begins with port.' },
      name: { ...text, description: 'A port of the containers of the isolated pod.' },
    },
  },
}
