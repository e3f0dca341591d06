import { describe, expect, it } from 'vitest'
import { backingOff, nextStep, type Step } from '../../../src/agents/pods/step.ts'
import { NO_NOTES, POD_UNIT, type PodView } from '../../../src/agents/pods/view.ts'
import { container, exited, NOW, notes, pod, running, sandbox, view, well } from '../support/pod-view.ts'

const deleted = { metadata: { deletionTimestamp: '2026-01-31T12:00:30Z', deletionGracePeriodSeconds: 30 } }

interface Case {
  readonly name: string
  readonly view: Partial<PodView>
  readonly step: Partial<Step>
}

const starting: readonly Case[] = [
  {
    name: 'mounts volumes first',
    view: { volumesMounted: false, sandboxes: [] },
    step: { type: 'mount-volumes' },
  },
  {
    name: 'waits out the back-off of volumes',
    view: { volumesMounted: false, podRetryAt: NOW + 500 },
    step: { type: 'wait', until: NOW + 500 },
  },
  {
    name: 'runs a first sandbox',
    view: { sandboxes: [] },
    step: { type: 'run-sandbox', attempt: 0, replaces: undefined },
  },
  {
    name: 'replaces a sandbox that died with the next attempt',
    view: { sandboxes: [sandbox({ attempt: 2, state: 'not-ready' })] },
    step: { type: 'run-sandbox', attempt: 3, replaces: 'sandbox-2' },
  },
  {
    name: 'waits while the pod unit works',
    view: { busy: new Set([POD_UNIT]), sandboxes: [] },
    step: { type: 'wait' },
  },
  { name: 'sees to the image first', view: {}, step: { type: 'pull-image', attempt: 0 } },
  {
    name: 'waits out the back-off of an image',
    view: { notes: notes({ app: { retryAt: NOW + 10_000 } }) },
    step: { type: 'wait', until: NOW + 10_000 },
  },
  {
    name: 'creates a container whose image is at hand',
    view: { notes: notes({ app: { imageFor: 0 } }) },
    step: { type: 'create-container', attempt: 0, sandboxId: 'sandbox-0' },
  },
  {
    name: 'starts what an earlier agent only created',
    view: { containers: [running('app', { state: 'created' })] },
    step: { type: 'start-container', id: 'app-0' },
  },
  {
    name: 'leaves a running container alone',
    view: { containers: [running('app')] },
    step: { type: 'wait' },
  },
  {
    name: 'begins with other containers while one is busy',
    view: {
      pod: pod({ containers: [container('a'), container('b')] }),
      busy: new Set(['a']),
      notes: notes({ b: { imageFor: 0 } }),
    },
    step: { type: 'create-container', container: container('b') },
  },
]

const restarting: readonly Case[] = [
  {
    name: 'restarts the first crash at once',
    view: { containers: [exited('app', 1, { finishedAt: NOW })], notes: notes({ app: { imageFor: 1 } }) },
    step: { type: 'create-container', attempt: 1 },
  },
  {
    name: 'waits 10 s from the end of the second run',
    view: {
      containers: [exited('app', 1, { attempt: 1, finishedAt: NOW - 1000 })],
      notes: notes({ app: { starts: 1, startedAt: NOW - 2000, imageFor: 2 } }),
    },
    step: { type: 'wait', until: NOW + 9000 },
  },
  {
    name: 'never waits more than 300 s',
    view: {
      containers: [exited('app', 1, { attempt: 40, finishedAt: NOW })],
      notes: notes({ app: { starts: 40, startedAt: NOW } }),
    },
    step: { type: 'wait', until: NOW + 300_000 },
  },
  {
    name: 'forgets the back-off of a container that ran for more than ten minutes',
    view: {
      containers: [exited('app', 1, { attempt: 5, finishedAt: NOW })],
      notes: notes({ app: { starts: 5, startedAt: NOW - 601_000, imageFor: 6 } }),
    },
    step: { type: 'create-container', attempt: 6 },
  },
  {
    name: 'restarts a container that ended well under Always',
    view: { containers: [exited('app', 0)], notes: notes({ app: { imageFor: 1 } }) },
    step: { type: 'create-container', attempt: 1 },
  },
  {
    name: 'restarts a failure under OnFailure',
    view: {
      pod: pod({ restartPolicy: 'OnFailure' }),
      containers: [exited('app', 2)],
      notes: notes({ app: { imageFor: 1 } }),
    },
    step: { type: 'create-container', attempt: 1 },
  },
  {
    name: 'counts a container that could not be started as failed and backs off',
    view: {
      containers: [running('app', { state: 'created', attempt: 1 })],
      notes: notes({
        app: { starts: 1, startedAt: NOW, startFailure: { id: 'app-1', at: NOW, message: 'no such file' } },
      }),
    },
    step: { type: 'wait', until: NOW + 10_000 },
  },
  {
    name: 'goes on from the restart count of a container that somebody removed',
    view: {
      pod: pod(
        {},
        {
          status: {
            containerStatuses: [
              {
                name: 'app',
                image: '',
                imageID: '',
                ready: true,
                restartCount: 4,
                containerID: 'docker://x',
              },
            ],
          },
        },
      ),
      notes: notes({ app: { imageFor: 5 } }),
    },
    step: { type: 'create-container', attempt: 5 },
  },
  {
    name: 'starts at once, without back-off, in the place of a container that somebody removed',
    view: {
      containers: [exited('app', 1, { attempt: 4, finishedAt: NOW })],
      notes: notes({ app: { attempt: 5, starts: 5, startedAt: NOW, imageFor: 6 } }),
    },
    step: { type: 'create-container', attempt: 6, replaces: undefined },
  },
  {
    name: 'starts containers anew in a new sandbox, with their next attempt',
    view: {
      sandboxes: [sandbox({ attempt: 0, state: 'not-ready' }), sandbox({ attempt: 1 })],
      containers: [exited('app', 137, { attempt: 3 })],
      notes: notes({ app: { imageFor: 4, starts: 3, startedAt: NOW } }),
    },
    step: { type: 'create-container', attempt: 4, sandboxId: 'sandbox-1' },
  },
  {
    name: 'stops a container whose image changed',
    view: { pod: pod({ containers: [container('app', { image: 'app:2' })] }), containers: [running('app')] },
    step: {
      type: 'stop-container',
      killAt: NOW + 30_000,
      message: 'Container app definition changed, will be restarted',
    },
  },
  {
    name: 'starts a changed container without back-off',
    view: {
      pod: pod({ containers: [container('app', { image: 'app:2' })] }),
      containers: [exited('app', 137, { finishedAt: NOW })],
      notes: notes({ app: { starts: 3, startedAt: NOW, imageFor: 1 } }),
    },
    step: { type: 'create-container', attempt: 1, replaces: undefined },
  },
  {
    name: 'stops a container that mounts folders of the agent that lie elsewhere now',
    view: { containers: [running('app', { home: 'elsewhere' })] },
    step: {
      type: 'stop-container',
      killAt: NOW + 30_000,
      message:
        'Container app mounts folders of the agent that were moved or put back since, will be restarted',
    },
  },
  {
    name: 'leaves a container alone whose mounts are from here, or that does not say where from',
    view: {
      pod: pod({ containers: [container('a'), container('b')] }),
      containers: [running('a', { home: 'here' }), running('b')],
    },
    step: { type: 'wait' },
  },
  {
    name: 'makes a container anew that was only created, with mounts from elsewhere',
    view: {
      containers: [running('app', { state: 'created', home: 'elsewhere' })],
      notes: notes({ app: { imageFor: 1 } }),
    },
    step: { type: 'create-container', attempt: 1, replaces: undefined },
  },
  {
    name: 'stops a condemned container with the grace period of its probe',
    view: {
      containers: [running('app')],
      notes: notes({ app: { condemned: { id: 'app-0', message: 'probe', graceMs: 5000 } } }),
    },
    step: { type: 'stop-container', killAt: NOW + 5000, message: 'probe' },
  },
  {
    name: 'does not stop a container twice',
    view: {
      containers: [running('app')],
      stopping: new Map([['app-0', NOW + 5000]]),
      notes: notes({ app: { condemned: { id: 'app-0', message: 'probe', graceMs: 5000 } } }),
    },
    step: { type: 'wait' },
  },
  {
    name: 'lets a restarted container live though the one before it was condemned',
    view: {
      containers: [exited('app', 137), running('app', { attempt: 1 })],
      notes: notes({ app: { condemned: { id: 'app-0', message: 'probe', graceMs: 5000 } } }),
    },
    step: { type: 'wait' },
  },
]

const initPod = pod({
  initContainers: [container('one'), container('proxy', { restartPolicy: 'Always' }), container('two')],
})

const initializing: readonly Case[] = [
  {
    name: 'begins with the first init container',
    view: { pod: initPod },
    step: { type: 'pull-image', container: container('one') },
  },
  {
    name: 'restarts an init container that failed',
    view: { pod: initPod, containers: [exited('one', 1)], notes: notes({ one: { imageFor: 1 } }) },
    step: { type: 'create-container', attempt: 1 },
  },
  {
    name: 'goes on to the sidecar when the first is done',
    view: { pod: initPod, containers: [exited('one', 0)] },
    step: { type: 'pull-image', container: container('proxy', { restartPolicy: 'Always' }) },
  },
  {
    name: 'waits for a sidecar that has not started',
    view: { pod: initPod, containers: [exited('one', 0), running('proxy')] },
    step: { type: 'wait' },
  },
  {
    name: 'goes on when the sidecar has started',
    view: {
      pod: initPod,
      containers: [exited('one', 0), running('proxy')],
      notes: notes({ proxy: well('proxy') }),
    },
    step: { type: 'pull-image', container: container('two') },
  },
  {
    name: 'restarts a sidecar while a later init container runs',
    view: {
      pod: initPod,
      containers: [exited('one', 0), exited('proxy', 0, { finishedAt: NOW }), running('two')],
      notes: notes({ proxy: { imageFor: 1 } }),
    },
    step: { type: 'create-container', attempt: 1 },
  },
  {
    name: 'starts the main container when all are done',
    view: {
      pod: initPod,
      containers: [exited('one', 0), running('proxy'), exited('two', 0)],
      notes: notes({ proxy: well('proxy') }),
    },
    step: { type: 'pull-image', container: container('app') },
  },
  {
    name: 'does not run init containers again that somebody removed',
    view: {
      pod: initPod,
      containers: [running('proxy'), running('app')],
      notes: notes({ proxy: well('proxy') }),
    },
    step: { type: 'wait' },
  },
  {
    name: 'ends a pod whose init container failed under Never',
    view: {
      pod: pod({ restartPolicy: 'Never', initContainers: [container('one')] }),
      containers: [exited('one', 1)],
    },
    step: { type: 'stop-sandbox' },
  },
]

const ending: readonly Case[] = [
  {
    name: 'stops the containers of a deleted pod',
    view: { pod: pod({}, deleted), containers: [running('app')], killAt: NOW + 30_000 },
    step: { type: 'stop-container', killAt: NOW + 30_000, message: 'Stopping container app' },
  },
  {
    name: 'stops what another starts only when that has started',
    view: { pod: pod({}, deleted), busy: new Set(['app']), killAt: NOW + 30_000 },
    step: { type: 'wait' },
  },
  {
    name: 'waits while containers stop',
    view: {
      pod: pod({}, deleted),
      containers: [running('app')],
      killAt: NOW + 30_000,
      stopping: new Map([['app-0', NOW + 30_000]]),
    },
    step: { type: 'wait' },
  },
  {
    name: 'hastens a stop under way',
    view: {
      pod: pod({}, deleted),
      containers: [running('app')],
      killAt: NOW + 1000,
      stopping: new Map([['app-0', NOW + 30_000]]),
    },
    step: { type: 'stop-container', killAt: NOW + 1000 },
  },
  {
    name: 'stops sidecars after the main containers',
    view: {
      pod: pod({ ...initPod.spec }, deleted),
      containers: [running('proxy'), running('app')],
      killAt: NOW + 9,
    },
    step: { type: 'stop-container', container: running('app') },
  },
  {
    name: 'stops sidecars when the main containers have ended',
    view: {
      pod: pod({ ...initPod.spec }, deleted),
      containers: [running('proxy'), exited('app', 0)],
      killAt: NOW + 9,
    },
    step: { type: 'stop-container', container: running('proxy') },
  },
  {
    name: 'stops the sandbox of a finished pod',
    view: { pod: pod({ restartPolicy: 'Never' }), containers: [exited('app', 0)] },
    step: { type: 'stop-sandbox', id: 'sandbox-0' },
  },
  {
    name: 'leaves the sandbox of a deleted pod to the clean-up',
    view: { pod: pod({}, deleted), containers: [exited('app', 0)], published: true },
    step: { type: 'delete-object' },
  },
  {
    name: 'gives back the ports of the host before the object goes',
    view: {
      pod: pod(
        { containers: [{ ...container('app'), ports: [{ containerPort: 80, hostPort: 80 }] }] },
        deleted,
      ),
      containers: [exited('app', 0)],
      published: true,
    },
    step: { type: 'stop-sandbox', id: 'sandbox-0' },
  },
  {
    name: 'deletes the object only when its last status is known',
    view: {
      pod: pod({}, deleted),
      containers: [exited('app', 0)],
      sandboxes: [sandbox({ state: 'not-ready' })],
    },
    step: { type: 'wait' },
  },
  {
    name: 'deletes the object of a pod that has ended',
    view: {
      pod: pod({}, deleted),
      containers: [exited('app', 0)],
      sandboxes: [sandbox({ state: 'not-ready' })],
      published: true,
    },
    step: { type: 'delete-object' },
  },
  {
    name: 'cleans up after a pod that is gone',
    view: { gone: true, containers: [exited('app', 0)], sandboxes: [sandbox({ state: 'not-ready' })] },
    step: { type: 'clean-up' },
  },
  {
    name: 'stops what runs of a pod that is gone',
    view: { gone: true, containers: [running('app')], killAt: NOW + 2000 },
    step: { type: 'stop-container', killAt: NOW + 2000 },
  },
  {
    name: 'keeps the containers of a finished pod for their logs',
    view: {
      pod: pod({ restartPolicy: 'Never' }),
      containers: [exited('app', 0)],
      sandboxes: [sandbox({ state: 'not-ready' })],
    },
    step: { type: 'wait' },
  },
  {
    name: 'never starts a pod again that was published as failed',
    view: { pod: pod({}, { status: { phase: 'Failed' } }), sandboxes: [] },
    step: { type: 'wait' },
  },
  {
    name: 'fails a pod past its active deadline',
    view: {
      pod: pod({ activeDeadlineSeconds: 60 }, { status: { startTime: '2026-01-31T11:59:00Z' } }),
      containers: [running('app')],
    },
    step: { type: 'fail', reason: 'DeadlineExceeded' },
  },
  {
    name: 'looks again at the active deadline',
    view: {
      pod: pod({ activeDeadlineSeconds: 60 }, { status: { startTime: '2026-01-31T11:59:30Z' } }),
      containers: [running('app')],
    },
    step: { type: 'wait', until: NOW + 30_000 },
  },
  {
    name: 'stops the containers of a failed pod',
    view: { failure: { reason: 'x', message: 'y' }, containers: [running('app')], killAt: NOW + 2000 },
    step: { type: 'stop-container', killAt: NOW + 2000 },
  },
]

const tidying: readonly Case[] = [
  {
    name: 'keeps the newest attempt and the one before it',
    view: { containers: [exited('app', 1), running('app', { attempt: 1 })] },
    step: { type: 'wait' },
  },
  {
    name: 'removes older attempts',
    view: {
      containers: [exited('app', 1), exited('app', 1, { attempt: 1 }), running('app', { attempt: 2 })],
    },
    step: { type: 'remove-container', container: exited('app', 1) },
  },
  {
    name: 'removes an earlier sandbox with nothing worth keeping',
    view: {
      sandboxes: [sandbox({ state: 'not-ready' }), sandbox({ attempt: 1 })],
      containers: [running('app', { attempt: 2, sandboxId: 'sandbox-1' })],
    },
    step: { type: 'remove-sandbox', id: 'sandbox-0' },
  },
  {
    name: 'keeps an earlier sandbox that holds the previous attempt',
    view: {
      sandboxes: [sandbox({ state: 'not-ready' }), sandbox({ attempt: 1 })],
      containers: [exited('app', 1), running('app', { attempt: 1, sandboxId: 'sandbox-1' })],
    },
    step: { type: 'wait' },
  },
]

describe.each([
  ['starting a pod', starting],
  ['restarting containers', restarting],
  ['init containers and sidecars', initializing],
  ['ending a pod', ending],
  ['tidying up', tidying],
] as const)('nextStep(): %s', (_, cases) => {
  it.each(cases)('nextStep() $name', ({ view: given, step }) => {
    const before = view(given)
    const taken = nextStep(before)
    expect(taken).toMatchObject(step)
    expect(nextStep(before)).toEqual(taken)
  })
})

describe('backingOff()', () => {
  it('backingOff() names containers that wait for their restart, and no others', () => {
    const waiting = view({
      containers: [exited('app', 1, { attempt: 1 })],
      notes: notes({ app: { starts: 1, startedAt: NOW - 2000 } }),
    })
    expect(backingOff(waiting).map(({ id }) => id)).toEqual(['app-1'])
    expect(backingOff({ ...waiting, busy: new Set(['app']) })).toEqual([])
    expect(backingOff({ ...waiting, gone: true })).toEqual([])
    expect(backingOff(view({ containers: [exited('app', 1)], notes: notes({ app: NO_NOTES }) }))).toEqual([])
  })
})
