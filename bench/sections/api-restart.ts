import { randomUUID } from 'node:crypto'
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { open } from 'lmdb'
import { silentLogger, systemClock } from '../../src/base/index.ts'
import { openLmdbStore } from '../../src/cluster/store/index.ts'
import { decodeRow } from '../../src/cluster/store/row.ts'
import { Kinds, registryPrefix } from '../../src/kube/index.ts'
import { Bowline } from '../fixture/bowline.ts'
import { residentMegabytes } from '../fixture/processes.ts'
import type { Bench, Line } from '../measurement.ts'

const OBJECTS = 150_000
/** Objects of one transaction while they are loaded. */
const PAGE = 500
const PREFIX = registryPrefix(Kinds.ConfigMap, 'default')
const PATH = '/api/v1/namespaces/default/configmaps'
/** After a start, until what it alone needed is collected. */
const SETTLE_MS = 15_000

/**
 * A server starts over a store of many small objects: until it has answered for one of them, and what it then occupies. The
 * objects are what a create stores, written straight to the store.
 */
export async function restartLines(bench: Bench): Promise<readonly Line[]> {
  const dataDir = join(await mkdtemp(join(bench.folder, 'api-restart-')), 'data')
  const template = await firstObject(bench, dataDir)
  bench.note(`api: storing ${OBJECTS} objects`)
  const storedMegabytes = await fill(join(dataDir, 'store'), template)
  bench.note('api: reading them bare')
  const bareMs = bareReading(join(dataDir, 'store', 'store.mdb'))
  bench.note(`api: a start over ${OBJECTS} objects`)
  const bowline = await Bowline.start({ dist: bench.dist, args: ['server'], dataDir })
  try {
    await bowline.client.rawGet(`${PATH}/small-${OBJECTS - 1}`)
    const startMs = performance.now() - bowline.startedAt
    await new Promise(resolve => setTimeout(resolve, SETTLE_MS))
    return [
      {
        what: `restart over ${OBJECTS / 1_000},000 objects`,
        unit: 's',
        ours: startMs / 1_000,
        reference: { value: bareMs / 1_000, what: 'LMDB read and parsed, 1 thread' },
        aim: { value: 20 },
      },
      {
        what: `memory with ${OBJECTS / 1_000},000 objects`,
        unit: 'MB',
        ours: await residentMegabytes(bowline.pid),
        reference: { value: storedMegabytes, what: 'their bytes as stored' },
      },
    ]
  } finally {
    await bowline.stop()
  }
}

/** Makes the data folder, and one object through the API: as it is stored but for what differs from object to object. */
async function firstObject(bench: Bench, dataDir: string): Promise<Stored> {
  const bowline = await Bowline.start({ dist: bench.dist, args: ['server'], dataDir })
  try {
    await bowline.client.raw('POST', PATH, {
      body: {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'first', labels: { app: 'small' } },
        data: { text: 'small' },
      },
    })
    return (await bowline.client.rawGet(`${PATH}/first`)) as Stored
  } finally {
    await bowline.stop()
  }
}

interface Stored {
  readonly metadata: { readonly resourceVersion: string; readonly [field: string]: unknown }
  readonly [field: string]: unknown
}

/** Stores copies of an object under names of their own; the megabytes (10⁶ bytes) of all. */
async function fill(path: string, { metadata, ...rest }: Stored): Promise<number> {
  const { resourceVersion: _, ...kept } = metadata
  const store = await openLmdbStore({ path, clock: systemClock, log: silentLogger })
  let bytes = 0
  try {
    for (let first = 0; first < OBJECTS; first += PAGE) {
      const puts = Array.from({ length: PAGE }, (_unused, index) => {
        const name = `small-${first + index}`
        const { apiVersion, kind, ...fields } = rest
        const object = { apiVersion, kind, metadata: { ...kept, name, uid: randomUUID() }, ...fields }
        const value = Buffer.from(JSON.stringify(object))
        bytes += value.length
        return { type: 'put', key: `${PREFIX}${name}`, value } as const
      })
      await store.txn([], puts)
    }
  } finally {
    await store.close()
  }
  return bytes / 1e6
}

/** How long one thread needs to read every row of the file and to parse every object in it. */
function bareReading(path: string): number {
  const begun = performance.now()
  const db = open<Buffer, number>({ path, encoding: 'binary', readOnly: true })
  // The first row is the store's own.
  for (const { value } of db.getRange({ start: 1 }))
    for (const write of decodeRow(value))
      if (write.key.startsWith(PREFIX)) JSON.parse(Buffer.from(write.value).toString())
  void db.close()
  return performance.now() - begun
}
