import { atomicList, kindOf } from './markers.ts'
import { refTo } from './ref.ts'
import type { Schema } from './schema.ts'

const PACKAGE = 'dev.bowline.v1alpha1'

const text: Schema = { type: 'string' }
const time: Schema = { type: 'string', format: 'date-time' }
const count: Schema = { type: 'integer', format: 'int32' }
const anyValue: Schema = { 'x-kubernetes-preserve-unknown-fields': true }

function listOf(name: string, description: string): Schema {
  return { type: 'array', items: { $ref: refTo(`${PACKAGE}.${name}`) }, ...atomicList, description }
}

/** Record: one attempt at one commit in one app, or one repair. Written once open, once closed, never again. */
export const bowlineRecord: { readonly [name: string]: Schema } = {
  [`${PACKAGE}.Record`]: {
    ...kindOf('bowline.dev', 'v1alpha1', 'Record'),
    type: 'object',
    description:
      'Record is what one attempt at one commit (or one repair) did in one app. Records of an app form a hash chain.',
    required: ['spec'],
    properties: {
      apiVersion: text,
      kind: text,
      metadata: { $ref: refTo('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta') },
      spec: {
        $ref: refTo(`${PACKAGE}.RecordSpec`),
        description: 'What was to be done; written before it was.',
      },
      status: { $ref: refTo(`${PACKAGE}.RecordStatus`), description: 'How it ended.' },
    },
  },
  [`${PACKAGE}.RecordSpec`]: {
    type: 'object',
    description: 'RecordSpec is written durably before the first change.',
    required: ['app', 'sequence', 'commit', 'trigger', 'skipped', 'plan', 'openedAt', 'previousHash'],
    properties: {
      app: { ...text, description: 'The name of the App.' },
      sequence: { type: 'integer', format: 'int64', description: 'Counts the records of the app from 1.' },
      commit: { $ref: refTo(`${PACKAGE}.RecordCommit`) },
      trigger: { ...text, enum: ['drift', 'push', 'retry', 'start'] },
      skipped: {
        type: 'array',
        items: text,
        ...atomicList,
        description: 'The commits between the last record and this one that were passed over.',
      },
      plan: { $ref: refTo(`${PACKAGE}.RecordPlan`) },
      actor: { ...text, description: 'Who caused the drift: an API user, or `unknown`.' },
      openedAt: time,
      previousHash: { ...text, description: 'The hash of the record before; 64 zeros for the first.' },
    },
  },
  [`${PACKAGE}.RecordCommit`]: {
    type: 'object',
    description: 'RecordCommit is the commit as Git has it.',
    required: ['id', 'subject', 'message', 'author', 'committer'],
    properties: {
      id: text,
      subject: text,
      message: text,
      author: { $ref: refTo(`${PACKAGE}.RecordSignature`) },
      committer: { $ref: refTo(`${PACKAGE}.RecordSignature`) },
    },
  },
  [`${PACKAGE}.RecordSignature`]: {
    type: 'object',
    description: 'RecordSignature is who, and when.',
    required: ['name', 'email', 'time'],
    properties: { name: text, email: text, time },
  },
  [`${PACKAGE}.RecordPlan`]: {
    type: 'object',
    description: 'RecordPlan is the plan with every Secret value masked.',
    required: ['counts', 'changes'],
    properties: {
      counts: { $ref: refTo(`${PACKAGE}.ChangeCounts`) },
      changes: listOf('RecordPlannedChange', 'In the order in which they are carried out; none that keep.'),
      hold: { $ref: refTo(`${PACKAGE}.PlanHold`) },
    },
  },
  [`${PACKAGE}.RecordPlannedChange`]: {
    type: 'object',
    description: 'RecordPlannedChange is what the plan does with one object.',
    required: ['action', 'ref', 'fields'],
    properties: {
      action: { ...text, enum: ['configure', 'create', 'delete', 'keep'] },
      ref: { $ref: refTo(`${PACKAGE}.RecordObjectReference`) },
      source: { $ref: refTo(`${PACKAGE}.RecordSource`), description: 'Where Git declares the object.' },
      fields: listOf('RecordFieldChange', 'For configure: what differs.'),
    },
  },
  [`${PACKAGE}.RecordObjectReference`]: {
    type: 'object',
    description: 'RecordObjectReference names an object.',
    required: ['apiVersion', 'kind', 'name'],
    properties: { apiVersion: text, kind: text, namespace: text, name: text },
  },
  [`${PACKAGE}.RecordSource`]: {
    type: 'object',
    description: 'RecordSource is a place in the repository; lines and columns start at 1.',
    required: ['file', 'line', 'column'],
    properties: { file: text, line: count, column: count },
  },
  [`${PACKAGE}.RecordFieldChange`]: {
    type: 'object',
    description:
      'RecordFieldChange is one field that differs; an absent side is a field that is absent there.',
    required: ['path'],
    properties: { path: text, before: anyValue, after: anyValue },
  },
  [`${PACKAGE}.RecordStatus`]: {
    type: 'object',
    description: 'RecordStatus is what happened. `hash` seals the record when it is closed.',
    required: ['state', 'changes', 'containers'],
    properties: {
      state: {
        ...text,
        enum: ['Deadline', 'Failed', 'Healthy', 'Held', 'Interrupted', 'Open', 'Superseded'],
      },
      changes: listOf('RecordChange', 'One outcome per change that was begun.'),
      containers: listOf('RecordContainerEvent', 'The containers started and stopped on each node.'),
      health: { $ref: refTo(`${PACKAGE}.RecordHealth`) },
      closedAt: time,
      durationMs: { type: 'integer', format: 'int64' },
      hash: text,
    },
  },
  [`${PACKAGE}.RecordChange`]: {
    type: 'object',
    description: 'RecordChange is how one change ended.',
    required: ['ref', 'action', 'outcome', 'at'],
    properties: {
      ref: { $ref: refTo(`${PACKAGE}.RecordObjectReference`) },
      action: { ...text, enum: ['configure', 'create', 'delete', 'keep'] },
      outcome: {
        ...text,
        enum: ['configured', 'created', 'deleted', 'failed', 'skipped', 'unchanged'],
      },
      message: text,
      at: time,
    },
  },
  [`${PACKAGE}.RecordContainerEvent`]: {
    type: 'object',
    description: 'RecordContainerEvent is one container that started or stopped while the record was open.',
    required: ['action', 'node', 'pod', 'container', 'at'],
    properties: {
      action: { ...text, enum: ['started', 'stopped'] },
      node: text,
      pod: { ...text, description: 'As namespace/name.' },
      container: text,
      at: time,
      reason: text,
    },
  },
  [`${PACKAGE}.RecordHealth`]: {
    type: 'object',
    description: 'RecordHealth is why the record was closed as it was.',
    required: ['message'],
    properties: {
      message: text,
      at: {
        ...time,
        description:
          'When everything was healthy; absent when that was not reached. What is replaced may end after that, while the record is still open.',
      },
    },
  },
}
