import {
  chmod,
  link,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FolderStore } from '../../../../src/agents/volumes/index.ts'
import { silentLogger, systemIds } from '../../../../src/base/index.ts'
import { FakeClock } from '../../../base/fake-clock.ts'

const CLAIM = { namespace: 'default', name: 'data', uid: 'claim-1' }
const { signal } = new AbortController()

let root: string
let clock: FakeClock
let users: string[]
let store: FolderStore

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'bowline-folders-'))
  clock = new FakeClock()
  users = []
  store = await openStore('host-1')
})
afterEach(() => rm(root, { recursive: true, force: true }))

/** The store of a host, as its agent opens it at every start. */
async function openStore(nodeName: string, folder: string = nodeName): Promise<FolderStore> {
  const opened = new FolderStore({
    folder: join(root, folder),
    nodeName,
    users: async () => users,
    clock,
    ids: systemIds,
    log: silentLogger,
  })
  await opened.prepare()
  return opened
}

async function created(volume = 'pvc-1'): Promise<string> {
  await store.create(volume, CLAIM, undefined, signal)
  return store.open(volume)
}

/** One of everything that a folder can hold. */
async function fill(data: string): Promise<void> {
  await mkdir(join(data, 'sub/empty'), { recursive: true })
  await writeFile(join(data, 'sub/table'), 'rows\n')
  await link(join(data, 'sub/table'), join(data, 'same'))
  await symlink('../../../etc/passwd', join(data, 'out'))
  await writeFile(join(data, 'spaces and \n lines'), 'x')
  await writeFile(join(data, 'holes'), '')
  await truncate(join(data, 'holes'), 1 << 20)
  await chmod(join(data, 'sub'), 0o2750)
  await utimes(join(data, 'sub/table'), 1_000_000, 1_000_000)
}

async function states(): Promise<string[]> {
  return (await store.list()).folders.map(({ volume, state }) => `${volume} ${state}`)
}

describe('FolderStore', () => {
  it.runIf(process.platform === 'linux')(
    'says where it cannot keep volumes, and does not try for ever',
    async () => {
      await expect(openStore('host-1', relative(root, '/proc/bowline'))).rejects.toThrow(
        'Cannot keep volumes in /proc/bowline: ENOENT',
      )
    },
  )

  it('create() makes an empty folder that any user may write, once', async () => {
    const data = await created()
    expect((await stat(data)).mode & 0o777).toBe(0o777)
    await writeFile(join(data, 'x'), 'kept')
    await store.create('pvc-1', CLAIM, undefined, signal)
    expect(await readFile(join(data, 'x'), 'utf8')).toBe('kept')
  })

  it("create() does not hand one claim's folder to another", async () => {
    await created()
    await expect(store.create('pvc-1', { ...CLAIM, uid: 'claim-2' }, undefined, signal)).rejects.toThrow(
      'its folder belongs to claim default/data with uid claim-1, not claim-2',
    )
  })

  it('open() refuses a folder that is missing, instead of making an empty one', async () => {
    await expect(store.open('pvc-1')).rejects.toThrow('is its disk mounted?')
    expect(await readdir(join(root, 'host-1'))).toEqual([])
  })

  it.each(['../x', '.trash', 'a/b', '', '..', 'a\0b', 'A'])(
    'no name such as %j leads out of the store',
    async name => {
      await expect(store.open(name)).rejects.toThrow('as the name of a volume')
      await expect(store.create(name, CLAIM, undefined, signal)).rejects.toThrow('as the name of a volume')
      await expect(store.retire(name, CLAIM.uid)).rejects.toThrow('as the name of a volume')
    },
  )

  it('a link in the place of a folder is not followed', async () => {
    await created()
    await rename(join(root, 'host-1/pvc-1'), join(root, 'elsewhere'))
    await symlink(join(root, 'elsewhere'), join(root, 'host-1/pvc-1'))
    await expect(store.open('pvc-1')).rejects.toThrow('is missing')
    await expect(store.retire('pvc-1', CLAIM.uid)).rejects.toThrow('has no folder')
    expect(await readdir(join(root, 'elsewhere'))).toContain('data')
  })

  it('retire() puts the folder into the trash, and the trash is emptied after a week', async () => {
    const data = await created()
    await writeFile(join(data, 'x'), 'precious')
    await store.retire('pvc-1', CLAIM.uid)
    expect(await states()).toEqual(['pvc-1 trash'])
    await store.retire('pvc-1', CLAIM.uid)
    const day = 24 * 3_600_000
    await clock.advance(6 * day)
    await store.emptyTrash()
    expect(await states()).toEqual(['pvc-1 trash'])
    await clock.advance(2 * day)
    await store.emptyTrash()
    expect(await states()).toEqual([])
  })

  it("retire() refuses another claim's folder, one in use, one of a renamed host and one without a marker", async () => {
    const data = await created()
    await expect(store.retire('pvc-1', 'claim-2')).rejects.toThrow('not claim-2')
    users = ['default/db-0']
    await expect(store.retire('pvc-1', CLAIM.uid)).rejects.toThrow('pods use it here: default/db-0')
    users = []
    const renamed = await openStore('host-9', 'host-1')
    await expect(renamed.retire('pvc-1', CLAIM.uid)).rejects.toThrow('of host host-1, and this is host-9')
    await expect(renamed.open('pvc-1')).rejects.toThrow('of host host-1')
    await rm(join(data, '../volume.json'))
    await expect(store.retire('pvc-1', CLAIM.uid)).rejects.toThrow('no readable volume.json')
    expect(await readdir(join(root, 'host-1/pvc-1'))).toEqual(['data'])
  })

  it('a move carries everything over, keeps the original, and gives it up when it is confirmed', async () => {
    await fill(await created())
    const other = await openStore('host-2')
    const received = await other.receive('pvc-1', 'm1', store.pack('pvc-1', signal), signal)
    expect(received).toEqual(await store.digest('pvc-1', signal))
    expect(received.files).toBe(4)
    await expect(other.open('pvc-1')).rejects.toThrow('is missing')
    await other.adopt('pvc-1', 'm1')
    await other.adopt('pvc-1', 'm1')
    const data = await other.open('pvc-1')
    expect(await readlink(join(data, 'out'))).toBe('../../../etc/passwd')
    expect(await readFile(join(data, 'spaces and \n lines'), 'utf8')).toBe('x')
    expect((await stat(join(data, 'sub'))).mode & 0o7777).toBe(0o2750)
    expect((await stat(join(data, 'same'))).nlink).toBe(2)
    await store.keep('pvc-1', 'm1')
    await store.keep('pvc-1', 'm1')
    expect(await states()).toEqual(['pvc-1 kept'])
    await expect(store.open('pvc-1')).rejects.toThrow('is missing')
    await store.forget('pvc-1', 'm1')
    expect(await states()).toEqual(['pvc-1 trash'])
  })

  it('a copy that was cut off is not taken for the volume, and the next one replaces it', async () => {
    await fill(await created())
    const other = await openStore('host-2')
    async function* half() {
      for await (const chunk of store.pack('pvc-1', signal)) {
        yield chunk.subarray(0, 2000)
        throw new Error('the line was cut')
      }
    }
    await expect(other.receive('pvc-1', 'm1', half(), signal)).rejects.toThrow()
    await expect(other.open('pvc-1')).rejects.toThrow('is missing')
    const received = await other.receive('pvc-1', 'm1', store.pack('pvc-1', signal), signal)
    expect(received).toEqual(await store.digest('pvc-1', signal))
    await other.discard('pvc-1', 'm1')
    await expect(other.adopt('pvc-1', 'm1')).rejects.toThrow('no readable volume.json')
  })

  it('adopt() leaves a folder alone that is there already', async () => {
    await created()
    await store.receive('pvc-1', 'm2', store.pack('pvc-1', signal), signal)
    await expect(store.adopt('pvc-1', 'm2')).rejects.toThrow('has a folder of it already')
  })

  it('nothing is moved while pods use it, and no pod mounts it while it is moved', async () => {
    await created()
    users = ['default/db-0']
    await expect(store.digest('pvc-1', signal)).rejects.toThrow('pods use it here: default/db-0')
    await expect(store.keep('pvc-1', 'm1')).rejects.toThrow('pods use it here')
    users = []
    const packing = store.pack('pvc-1', signal)
    await packing.next()
    await expect(store.open('pvc-1')).rejects.toThrow('is being moved')
    await packing.return(undefined)
    await store.open('pvc-1')
  })

  it('snapshot() copies the folder, and create() restores it for another claim', async () => {
    const data = await created()
    await fill(data)
    users = ['default/db-0']
    const taken = await store.snapshot('pvc-1', 's1', signal)
    expect(taken).toMatchObject({ id: 's1', volume: 'pvc-1', claim: CLAIM, files: 4 })
    await writeFile(join(data, 'sub/table'), 'spoilt')
    expect((await store.list()).snapshots).toEqual([taken])
    await store.create('pvc-2', { ...CLAIM, name: 'copy', uid: 'claim-2' }, 'host-1/pvc-1/s1', signal)
    expect(await readFile(join(await store.open('pvc-2'), 'sub/table'), 'utf8')).toBe('rows\n')
    await expect(store.create('pvc-3', CLAIM, 'host-1/pvc-1/none', signal)).rejects.toThrow(
      'does not have it',
    )
    expect((await store.list()).folders.map(({ volume }) => volume)).toEqual(['pvc-1', 'pvc-2'])
  })

  it('create() gives no claim what a claim of another namespace held', async () => {
    await fill(await created())
    await store.snapshot('pvc-1', 's1', signal)
    const stranger = { namespace: 'elsewhere', name: CLAIM.name, uid: 'claim-2' }
    await expect(store.create('pvc-2', stranger, 'host-1/pvc-1/s1', signal)).rejects.toThrow(
      'this host does not have it',
    )
    await expect(store.open('pvc-2')).rejects.toThrow('is missing')
  })

  it('snapshot() of files that change all the time says so and leaves nothing', async () => {
    const data = await created()
    await writeFile(join(data, 'log'), '')
    let isOver = false
    const writing = (async () => {
      for (let line = 0; !isOver; line += 1) await writeFile(join(data, 'log'), `${line}\n`, { flag: 'a' })
    })()
    await expect(store.snapshot('pvc-1', 's1', signal)).rejects.toThrow('its files change all the time')
    isOver = true
    await writing
    expect((await store.list()).snapshots).toEqual([])
    expect(await readdir(join(root, 'host-1/.new'))).toEqual([])
  })

  it('a snapshot that was damaged is not restored', async () => {
    await fill(await created())
    await store.snapshot('pvc-1', 's1', signal)
    const archive = join(root, 'host-1/.snapshots/pvc-1/s1/archive.tar')
    const bytes = await readFile(archive)
    bytes.write('ROWS', bytes.indexOf('rows\n'))
    await writeFile(archive, bytes)
    await expect(store.create('pvc-2', CLAIM, 'host-1/pvc-1/s1', signal)).rejects.toThrow(
      'does not hold what was copied',
    )
    await expect(store.open('pvc-2')).rejects.toThrow('is missing')
  })
})
