import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { Channel, silentLogger, systemIds } from '../../src/base/index.ts'
import type {
  ListOptions,
  ObjectList,
  Reader,
  Snapshot,
  WatchEvent,
  Watcher,
  WatchOptions,
} from '../../src/client/index.ts'
import { createInformer, type Informer, Informers } from '../../src/client/index.ts'
import { type Kind, type KubeObject, StatusError } from '../../src/kube/index.ts'
import { FakeClock } from '../base/fake-clock.ts'

const PODS: Kind = {
  group: '',
  version: 'v1',
  kind: 'Pod',
  plural: 'pods',
  singular: 'pod',
  shortNames: [],
  categories: [],
  namespaced: true,
  verbs: ['list', 'watch'],
  subresources: [],
}

interface Labelled extends KubeObject {
  readonly metadata: KubeObject['metadata']
}

function pod(
  name: string,
  version: number,
  uid: string = name,
  labels: Record<string, string> = {},
): Labelled {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'shop', uid, resourceVersion: String(version), labels },
  }
}

/** A server in miniature: what it holds, its version, and the one watch that follows it, which a test can break. */
class Source implements Reader, Watcher {
  version = 1
  readonly objects = new Map<string, KubeObject>()
  readonly watched: (string | undefined)[] = []
  lists = 0
  pageSize = 500
  listError: Error | undefined
  watchError: Error | undefined
  regain: () => void = () => {}
  #channel: Channel<WatchEvent<KubeObject>> | undefined

  onRegained(listener: () => void): () => void {
    this.regain = listener
    return () => {
      this.regain = () => {}
    }
  }

  put(name: string, uid: string = name, labels: Record<string, string> = {}): void {
    const type = this.objects.has(name) ? 'MODIFIED' : 'ADDED'
    const object = pod(name, ++this.version, uid, labels)
    this.objects.set(name, object)
    this.#channel?.push({ type, object })
  }

  remove(name: string): void {
    const object = this.objects.get(name)
    if (object === undefined) return
    this.objects.delete(name)
    const metadata = { ...object.metadata, resourceVersion: String(++this.version) }
    this.#channel?.push({ type: 'DELETED', object: { ...object, metadata } })
  }

  bookmark(): void {
    const metadata = { resourceVersion: String(++this.version) }
    this.#channel?.push({ type: 'BOOKMARK', object: { apiVersion: 'v1', kind: 'Pod', metadata } })
  }

  /** Cuts the watch; changes until the next one go unseen, unless it is a resumed one that would replay them. */
  cut(error?: Error): void {
    const channel = this.#channel
    this.#channel = undefined
    if (error === undefined) channel?.end()
    else channel?.fail(error)
  }

  get<T extends KubeObject>(): Promise<T> {
    throw new Error('an informer gets nothing')
  }

  list<T extends KubeObject>(_: Kind<T>, options: ListOptions = {}): Promise<ObjectList<T>> {
    this.lists += 1
    if (this.listError !== undefined) return Promise.reject(this.listError)
    const start = Number(options.continue ?? 0)
    const all = [...this.objects.values()] as T[]
    const end = start + Math.min(this.pageSize, options.limit ?? all.length)
    return Promise.resolve({
      items: all.slice(start, end),
      resourceVersion: String(this.version),
      ...(end < all.length ? { continue: String(end) } : {}),
    })
  }

  async *watch<T extends KubeObject>(_: Kind<T>, options: WatchOptions): AsyncGenerator<WatchEvent<T>> {
    this.watched.push(options.resourceVersion)
    if (this.watchError !== undefined) {
      const error = this.watchError
      this.watchError = undefined
      throw error
    }
    const channel = new Channel<WatchEvent<KubeObject>>(1000, () => new StatusError('Expired', 'too slow'))
    this.#channel = channel.endOn(options.signal)
    for await (const event of channel) yield event as WatchEvent<T>
  }
}

/** One that makes objects only when they are looked at. */
class LazySource extends Source {
  readonly made: string[] = []

  snapshot<T extends KubeObject>(): Promise<Snapshot<T>> {
    const { made } = this
    const entries = [...this.objects.values()].map(object => {
      const { name, namespace, resourceVersion = '' } = object.metadata
      return {
        key: `${namespace}/${name}`,
        resourceVersion,
        get object() {
          if (!made.includes(name ?? '')) made.push(name ?? '')
          return object as T
        },
        mayMention: (words: readonly string[]) => {
          const json = JSON.stringify(object)
          return words.some(word => json.includes(word))
        },
      }
    })
    return Promise.resolve({ entries, resourceVersion: String(this.version) })
  }
}

const abort = { now: () => {} }
afterEach(() => abort.now())

function startInformer(source: Source) {
  const clock = new FakeClock()
  const controller = new AbortController()
  abort.now = () => controller.abort()
  const warnings: string[] = []
  const informer: Informer<KubeObject> = createInformer(source, PODS, {
    clock,
    ids: { ...systemIds, random: () => 0.5 },
    log: { ...silentLogger, warn: message => warnings.push(message) },
    indexes: { app: object => (object.metadata.labels?.app ? [object.metadata.labels.app] : []) },
  })
  const seen: string[] = []
  informer.subscribe({
    added: object => seen.push(`+${object.metadata.uid}`),
    updated: object => seen.push(`~${object.metadata.uid}`),
    deleted: object => seen.push(`-${object.metadata.uid}`),
  })
  const running = informer.run(controller.signal)
  return { clock, informer, seen, warnings, running, stop: () => controller.abort() }
}

describe('createInformer()', () => {
  it('holds what is there when synced resolves, and tells each change once and in order', async () => {
    const source = new Source()
    source.pageSize = 2
    for (const name of ['a', 'b', 'c']) source.put(name)
    const { clock, informer, seen } = startInformer(source)
    expect(informer.hasSynced).toBe(false)
    await informer.synced
    expect(informer.list('shop').map(object => object.metadata.name)).toEqual(['a', 'b', 'c'])
    await clock.advance(0)
    source.put('a')
    source.put('d')
    source.remove('b')
    await clock.advance(0)
    expect(seen).toEqual(['+a', '+b', '+c', '~a', '+d', '-b'])
    expect(informer.get('shop/b')).toBeUndefined()
    expect(informer.list('elsewhere')).toEqual([])
  })

  it('has listed when the server has told of everything, and not by what was preloaded', async () => {
    const source = new Source()
    source.put('stays')
    source.listError = new Error('away')
    const { clock, informer, seen } = startInformer(source)
    informer.preload([pod('stays', 2), pod('gone', 1)])
    await informer.synced
    let held: readonly string[] | undefined
    void informer.listed.then(() => {
      held = informer.list().map(({ metadata }) => metadata.name ?? '')
    })
    await clock.advance(10_000)
    expect(held).toBeUndefined()
    source.listError = undefined
    await clock.advance(60_000)
    expect(held).toEqual(['stays'])
    expect(seen).toEqual(['+stays', '+gone', '-gone'])
  })

  it('takes an object for another where a server that was made anew gives the same version', async () => {
    const source = new Source()
    source.put('a', 'new')
    source.listError = new Error('away')
    const { clock, informer, seen } = startInformer(source)
    informer.preload([pod('a', source.version, 'old')])
    await informer.synced
    source.listError = undefined
    await clock.advance(60_000)
    expect(seen).toEqual(['+old', '-old', '+new'])
    expect(informer.get('shop/a')?.metadata.uid).toBe('new')
  })

  it('takes the server’s state of an object where a server that was restored gives the same version to another', async () => {
    const source = new Source()
    source.put('a', 'a', { state: 'new' })
    source.put('b')
    source.listError = new Error('away')
    const { clock, informer, seen } = startInformer(source)
    informer.preload([pod('a', source.version - 1, 'a', { state: 'old' }), pod('b', source.version)])
    await informer.synced
    source.listError = undefined
    await clock.advance(60_000)
    expect(seen).toEqual(['+a', '+b', '~a'])
    expect(informer.get('shop/a')?.metadata.labels).toEqual({ state: 'new' })
  })

  it('tells a late subscriber of what is there', async () => {
    const source = new Source()
    source.put('a')
    const { informer } = startInformer(source)
    await informer.synced
    const added: unknown[] = []
    informer.subscribe({ added: object => added.push(object.metadata.name) })
    expect(added).toEqual(['a'])
  })

  it('keeps its indexes true, also those added later', async () => {
    const source = new Source()
    source.put('a', 'a', { app: 'web' })
    source.put('b', 'b', { app: 'web' })
    const { clock, informer } = startInformer(source)
    await informer.synced
    await clock.advance(0)
    informer.addIndex('uid', object => [object.metadata.uid ?? ''])
    const names = (app: string) => informer.byIndex('app', app).map(object => object.metadata.name)
    expect(names('web')).toEqual(['a', 'b'])
    source.put('a', 'a', { app: 'api' })
    source.remove('b')
    await clock.advance(0)
    expect([names('web'), names('api')]).toEqual([[], ['a']])
    expect(informer.byIndex('uid', 'a')).toHaveLength(1)
    expect(informer.byIndex('uid', 'b')).toEqual([])
    expect(() => informer.byIndex('nope', '')).toThrow(RangeError)
  })

  it('resumes a watch that the server ended from the last version, a bookmark included', async () => {
    const source = new Source()
    source.put('a')
    const { clock, informer } = startInformer(source)
    await informer.synced
    await clock.advance(0)
    source.put('a')
    source.bookmark()
    await clock.advance(0)
    source.cut()
    await clock.advance(0)
    expect(source.watched).toEqual(['2', '4'])
    expect(source.lists).toBe(1)
  })

  it('lists again at once when its version is gone, and tells only the difference', async () => {
    const source = new Source()
    for (const name of ['same', 'changed', 'gone', 'replaced']) source.put(name)
    const { clock, informer, seen } = startInformer(source)
    await informer.synced
    await clock.advance(0)
    seen.length = 0
    source.cut(new StatusError('Expired', 'too old'))
    source.put('changed')
    source.put('new')
    source.remove('gone')
    source.put('replaced', 'replaced-2')
    await clock.advance(0)
    expect(seen.sort()).toEqual(['+new', '+replaced-2', '-gone', '-replaced', '~changed'])
    expect(
      informer
        .list()
        .map(object => object.metadata.name)
        .sort(),
    ).toEqual(['changed', 'new', 'replaced', 'same'])
  })

  it('waits 0.8 s after a failure, doubling up to 30 s, and gets there', async () => {
    const source = new Source()
    source.put('a')
    source.listError = new Error('down')
    const { clock, informer } = startInformer(source)
    const asked: number[] = []
    await clock.advance(0)
    for (const wait of [800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]) {
      await clock.advance(wait - 1)
      const before = source.lists
      await clock.advance(1)
      asked.push(source.lists - before)
    }
    expect(asked).toEqual(Array(8).fill(1))
    source.listError = undefined
    await clock.advance(30_000)
    expect(informer.hasSynced).toBe(true)
  })

  it('waits no longer than a second when the server answers others again', async () => {
    const source = new Source()
    source.listError = new Error('down')
    const { clock, informer } = startInformer(source)
    await clock.advance(60_000)
    const before = source.lists
    source.listError = undefined
    source.regain()
    await clock.advance(1000)
    expect(source.lists).toBe(before + 1)
    expect(informer.hasSynced).toBe(true)
  })

  it('waits when the version is gone again right after a list', async () => {
    const source = new Source()
    source.watchError = new StatusError('Expired', 'too old')
    const { clock } = startInformer(source)
    await clock.advance(0)
    expect(source.lists).toBe(2)
    source.cut(new StatusError('Expired', 'too old'))
    await clock.advance(799)
    expect(source.lists).toBe(2)
    await clock.advance(1)
    expect(source.lists).toBe(3)
  })

  it('run() returns when the signal aborts, in the midst of a watch or of a wait', async () => {
    const watching = startInformer(new Source())
    await watching.informer.synced
    watching.stop()
    await watching.running
    expect(watching.warnings).toEqual([])
    const down = new Source()
    down.listError = new Error('down')
    const waiting = startInformer(down)
    await waiting.clock.advance(10)
    waiting.stop()
    await waiting.running
  })

  it('stops no one when a handler throws', async () => {
    const source = new Source()
    const { clock, informer, seen } = startInformer(source)
    informer.subscribe({
      added: () => {
        throw new Error('handler')
      },
    })
    const after: unknown[] = []
    informer.subscribe({ added: object => after.push(object.metadata.name) })
    await informer.synced
    await clock.advance(0)
    source.put('a')
    await clock.advance(0)
    expect([seen, after]).toEqual([['+a'], ['a']])
  })

  it('makes no object before somebody asks for it, or for an index over all', async () => {
    const source = new LazySource()
    for (const name of ['a', 'b', 'c']) source.put(name, name, { app: name })
    const appeared: string[] = []
    const controller = new AbortController()
    abort.now = () => controller.abort()
    const clock = new FakeClock()
    const informer = createInformer(source, PODS, {
      ...{ clock, ids: systemIds, log: silentLogger },
      indexes: { app: object => [object.metadata.labels?.app ?? ''] },
    })
    informer.subscribe({ appeared: key => appeared.push(key) })
    void informer.run(controller.signal)
    await informer.synced
    await clock.advance(0)
    expect(appeared).toEqual(['shop/a', 'shop/b', 'shop/c'])
    expect([informer.versionOf('shop/b'), informer.versionOf('shop/d')]).toEqual(['3', undefined])
    expect([source.lists, source.made]).toEqual([0, []])
    expect(informer.get('shop/b')?.metadata.name).toBe('b')
    expect(source.made).toEqual(['b'])
    source.put('d', 'd', { app: 'c' })
    source.remove('a')
    await clock.advance(0)
    expect(appeared.at(-1)).toBe('shop/d')
    expect(informer.byIndex('app', 'c').map(({ metadata }) => metadata.name)).toEqual(['c', 'd'])
    expect(informer.list('shop').map(({ metadata }) => metadata.name)).toEqual(['b', 'c', 'd'])
  })

  it('makes no object that does not mention what a handler, an index or complete() is about', async () => {
    const source = new LazySource()
    for (const name of ['a', 'b', 'c', 'd']) source.put(name, name, name < 'c' ? { app: 'web' } : {})
    const controller = new AbortController()
    abort.now = () => controller.abort()
    const parts = { clock: new FakeClock(), ids: systemIds, log: silentLogger }
    const informer = createInformer(source, PODS, parts)
    const mentioning = ['"app"']
    informer.addIndex('app', object => [object.metadata.labels?.app ?? ''], mentioning)
    void informer.run(controller.signal)
    await informer.synced
    await informer.complete(controller.signal, mentioning)
    expect(source.made).toEqual(['a', 'b'])
    const seen: unknown[] = []
    informer.subscribe({ mentioning, added: ({ metadata }) => seen.push(metadata.name) })
    expect(seen).toEqual(['a', 'b'])
    const namesUnder = (value: string) => informer.byIndex('app', value).map(({ metadata }) => metadata.name)
    expect([namesUnder('web'), namesUnder('')]).toEqual([['a', 'b'], []])
    expect(source.made).toEqual(['a', 'b'])
    // What comes later is made already; it is told of, and found, by what it says.
    source.put('c', 'c', { app: 'web' })
    source.put('e', 'e', { app: 'web' })
    source.remove('a')
    await parts.clock.advance(0)
    expect(seen).toEqual(['a', 'b', 'e'])
    expect(namesUnder('web')).toEqual(['b', 'c', 'e'])
  })

  it('complete() makes every object', async () => {
    const source = new LazySource()
    for (const name of ['a', 'b', 'c']) source.put(name)
    const controller = new AbortController()
    abort.now = () => controller.abort()
    const parts = { clock: new FakeClock(), ids: systemIds, log: silentLogger }
    const informer = createInformer(source, PODS, parts)
    void informer.run(controller.signal)
    await informer.synced
    await informer.complete(controller.signal)
    expect(source.made).toEqual(['a', 'b', 'c'])
  })

  it('what its handlers were told adds up to what the server holds, whatever breaks', async () => {
    const name = fc.constantFrom('a', 'b', 'c')
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ do: fc.constant('put' as const), name }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('remove' as const), name }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('lose' as const), name }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('recreate' as const), name }) },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async steps => {
        const source = new Source()
        const { clock, informer, stop, running } = startInformer(source)
        const told = new Map<string, string | undefined>()
        informer.subscribe({
          added: object => {
            expect(told.has(object.metadata.uid as string)).toBe(false)
            told.set(object.metadata.uid as string, object.metadata.resourceVersion)
          },
          updated: (object, previous) => {
            expect(told.get(object.metadata.uid as string)).toBe(previous.metadata.resourceVersion)
            told.set(object.metadata.uid as string, object.metadata.resourceVersion)
          },
          deleted: object => expect(told.delete(object.metadata.uid as string)).toBe(true),
        })
        let uid = 0
        await informer.synced
        // Until the list is taken over nothing is watched, and this server does not tell again what it told before.
        await clock.advance(0)
        for (const { do: action, name } of steps) {
          if (action === 'put') source.put(name, source.objects.get(name)?.metadata.uid ?? `${name}${uid++}`)
          else if (action === 'remove') source.remove(name)
          else if (action === 'lose') source.cut(new StatusError('Expired', 'too old'))
          else {
            source.remove(name)
            source.put(name, `${name}${uid++}`)
          }
          if (uid % 2 === 0) await clock.advance(0)
        }
        await clock.advance(100_000)
        const held = [...source.objects.values()]
        expect(told).toEqual(
          new Map(held.map(({ metadata }) => [metadata.uid as string, metadata.resourceVersion])),
        )
        stop()
        await running
      }),
      { numRuns: 50 },
    )
  })
})

describe('Informers', () => {
  it('of() watches each kind once, whoever asks and whenever', async () => {
    const source = new Source()
    source.put('a')
    const clock = new FakeClock()
    const informers = new Informers({ client: source, clock, ids: systemIds, log: silentLogger })
    const controller = new AbortController()
    expect(informers.of(PODS)).toBe(informers.of(PODS))
    const running = informers.start(controller.signal)
    await informers.synced()
    const late = informers.of({ ...PODS, plural: 'others' })
    await late.synced
    await clock.advance(0)
    expect(source.watched).toHaveLength(2)
    controller.abort()
    await running
  })
})
