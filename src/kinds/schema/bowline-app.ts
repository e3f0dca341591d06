import { atomicList, conditionStatus, kindOf, mapList } from './markers.ts'
import { refTo } from './ref.ts'
import type { Schema } from './schema.ts'

const PACKAGE = 'dev.bowline.v1alpha1'

const text: Schema = { type: 'string' }
const count: Schema = { type: 'integer', format: 'int32' }
const position: Schema = { ...count, description: 'Starts at 1; 0 when it is not known.' }

/** App: a folder of a repository that is planned, applied, healthy or held as one. */
export const bowlineApp: { readonly [name: string]: Schema } = {
  [`${PACKAGE}.App`]: {
    ...kindOf('bowline.dev', 'v1alpha1', 'App'),
    type: 'object',
    description: 'App is a folder of a Git repository that is planned, applied, healthy or held as one.',
    required: ['spec'],
    properties: {
      apiVersion: text,
      kind: text,
      metadata: { $ref: refTo('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta') },
      spec: { $ref: refTo(`${PACKAGE}.AppSpec`), description: 'What is deployed, and where from.' },
      status: { $ref: refTo(`${PACKAGE}.AppStatus`), description: 'What Bowline last did about it.' },
    },
  },
  [`${PACKAGE}.AppSpec`]: {
    type: 'object',
    description: 'AppSpec says where the manifests of an app come from and where its objects go.',
    required: ['source'],
    properties: {
      source: { $ref: refTo(`${PACKAGE}.AppSource`) },
      namespace: {
        ...text,
        description:
          'The namespace of objects that name none. It is created when it is missing. Default: `default`.',
      },
    },
  },
  [`${PACKAGE}.AppSource`]: {
    type: 'object',
    description: 'AppSource is a folder in a branch of a Git repository.',
    required: ['repository', 'branch', 'path'],
    properties: {
      repository: { ...text, description: 'The absolute path of a local repository, or an http(s) URL.' },
      branch: { ...text, description: 'The branch that is followed.' },
      path: { ...text, description: 'The folder inside the repository; empty for its root.' },
      credentialsFile: {
        ...text,
        description:
          'A file on the server that holds the user name and password or token for the repository.',
      },
    },
  },
  [`${PACKAGE}.AppStatus`]: {
    type: 'object',
    description: 'AppStatus is what Bowline last saw and did.',
    properties: {
      observedGeneration: { type: 'integer', format: 'int64' },
      phase: { ...text, enum: ['Failed', 'Healthy', 'Held', 'Pending', 'Progressing'] },
      message: { ...text, description: 'Why the app is in its phase, in one sentence.' },
      observedRevision: { ...text, description: 'The last commit that was looked at.' },
      appliedRevision: { ...text, description: 'The last commit whose plan was carried out in full.' },
      commit: { $ref: refTo(`${PACKAGE}.AppCommit`), description: 'The commit of observedRevision.' },
      objects: { ...count, description: 'How many objects Git owns through this app.' },
      diagnostics: {
        type: 'array',
        items: { $ref: refTo(`${PACKAGE}.AppDiagnostic`) },
        ...atomicList,
        description: 'What is wrong with the manifests of observedRevision.',
      },
      changes: {
        $ref: refTo(`${PACKAGE}.ChangeCounts`),
        description: 'How many objects the plan of observedRevision changes.',
      },
      hold: {
        $ref: refTo(`${PACKAGE}.PlanHold`),
        description: 'Why the plan waits for a person.',
      },
      lastRecord: { ...text, description: 'The name of the newest Record of this app.' },
      apps: {
        $ref: refTo(`${PACKAGE}.AppFanOut`),
        description: 'Of an app that is a whole repository: the apps that observedRevision makes of it.',
      },
      conditions: {
        type: 'array',
        items: { $ref: refTo(`${PACKAGE}.AppCondition`) },
        ...mapList('type'),
        description: 'Ready: what Git asks for is running. Synced: what Git asks for is applied.',
      },
    },
  },
  [`${PACKAGE}.AppCommit`]: {
    type: 'object',
    description: 'AppCommit names a commit to a person.',
    required: ['id', 'subject', 'author', 'committedAt'],
    properties: {
      id: text,
      subject: { ...text, description: 'The first line of the message.' },
      author: { ...text, description: 'The name of the author.' },
      committedAt: { ...text, format: 'date-time' },
    },
  },
  [`${PACKAGE}.AppDiagnostic`]: {
    type: 'object',
    description: 'AppDiagnostic is one mistake in a manifest, where it is and what to do about it.',
    required: ['file', 'line', 'column', 'code', 'message'],
    properties: {
      file: text,
      line: position,
      column: position,
      code: { ...text, description: 'A short stable word for the kind of mistake.' },
      message: text,
      excerpt: { ...text, description: 'The line of the file.' },
      hint: { ...text, description: 'What to do about it.' },
    },
  },
  [`${PACKAGE}.AppCondition`]: {
    type: 'object',
    description: 'AppCondition is one aspect of the state of an app.',
    required: ['type', 'status'],
    properties: {
      type: text,
      status: { ...text, ...conditionStatus },
      reason: text,
      message: text,
      lastTransitionTime: { ...text, format: 'date-time' },
      observedGeneration: { type: 'integer', format: 'int64' },
    },
  },
  [`${PACKAGE}.AppFanOut`]: {
    type: 'object',
    description:
      'AppFanOut is which apps a repository holds at a commit, and which of them the commit touches.',
    required: ['total', 'affected'],
    properties: {
      total: { ...count, description: 'How many apps the repository holds.' },
      affected: {
        type: 'array',
        items: text,
        ...atomicList,
        description: 'The names of the apps whose files differ from the commit looked at before.',
      },
    },
  },
  [`${PACKAGE}.ChangeCounts`]: {
    type: 'object',
    description: 'ChangeCounts is how many objects a plan creates, configures, deletes and keeps.',
    required: ['create', 'configure', 'delete', 'keep'],
    properties: { create: count, configure: count, delete: count, keep: count },
  },
  [`${PACKAGE}.PlanHold`]: {
    type: 'object',
    description: 'PlanHold is why a plan waits for a person, and what lets it go.',
    required: ['reason', 'message', 'deletes'],
    properties: {
      reason: {
        ...text,
        enum: ['deletes-busy-namespace', 'deletes-data', 'deletes-everything', 'deletes-most'],
      },
      message: text,
      deletes: {
        ...count,
        description: 'How many deletions the trailer Bowline-Allow-Delete must allow.',
      },
    },
  },
}
