import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  realpath,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createVolumes, type PayloadSources, type Volumes } from '../../../src/agents/volumes/index.ts'
import type { ConfigMap, PodSpec, Secret, Volume, VolumeMount } from '../../../src/kube/index.ts'

let folder: string
let volumes: Volumes
let configMaps: Record<string, Pick<ConfigMap, 'data' | 'binaryData'>>
let secrets: Record<string, Pick<Secret, 'data'>>

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'bowline-volumes-')))
  volumes = createVolumes({
    folder: join(folder, 'pods'),
    memoryFolder: undefined,
    allowHost: [join(folder, 'host')],
    guarded: [join(folder, 'host/guarded/own')],
    nodeName: 'host-1',
    folders: undefined,
    engineVolumes: () => undefined,
    staging: () => undefined,
  })
  await volumes.prepare()
  await mkdir(join(folder, 'host'))
  configMaps = {
    settings: { data: { color: 'blue', 'app.conf': 'x=1' }, binaryData: { raw: btoa('\x00\x01') } },
  }
  secrets = { keys: { data: { main: btoa('hunter2') } } }
})

afterEach(() => rm(folder, { recursive: true, force: true }))

const sources: PayloadSources = {
  configMap: async name =>
    configMaps[name] && { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, ...configMaps[name] },
  secret: async name =>
    secrets[name] && { apiVersion: 'v1', kind: 'Secret', metadata: { name }, ...secrets[name] },
  claim: async () => undefined,
  persistentVolume: async () => undefined,
  token: async ({ audience = '' }) => `token for ${audience}`,
  field: ({ fieldPath }) => `field ${fieldPath}`,
  resource: ({ resource }) => `resource ${resource}`,
}

async function mount(volume: Omit<Volume, 'name'>, spec: Partial<PodSpec> = {}): Promise<string> {
  const owner = {
    uid: 'uid-1',
    name: 'app',
    spec: { containers: [], volumes: [{ name: 'v', ...volume }], ...spec },
  }
  return (await volumes.mount(owner, sources)).get('v')?.path ?? ''
}

/** The source path and the read-only mark of one mount in a container. */
async function mountIn(
  volume: Omit<Volume, 'name'>,
  rest: Partial<VolumeMount> = {},
): Promise<[string, boolean]> {
  const owner = { uid: 'uid-1', name: 'app', spec: { containers: [], volumes: [{ name: 'v', ...volume }] } }
  const mounted = await volumes.mount(owner, sources)
  const volumeMounts = [{ name: 'v', mountPath: '/mnt', ...rest }]
  const [made] = await volumes.containerMounts(
    { uid: 'uid-1', container: { name: 'c', volumeMounts }, attempt: 0 },
    mounted,
    text => text,
  )
  return [made?.hostPath ?? '', made?.readOnly ?? false]
}

async function modeOf(path: string): Promise<number> {
  return (await stat(path)).mode & 0o7777
}

describe('Volumes.mount()', () => {
  it('Volumes.mount() writes the keys of a ConfigMap as files', async () => {
    const path = await mount({ configMap: { name: 'settings' } })
    expect((await readdir(path)).filter(name => !name.startsWith('..')).sort()).toEqual([
      'app.conf',
      'color',
      'raw',
    ])
    expect(await readFile(join(path, 'color'), 'utf8')).toBe('blue')
    expect([...(await readFile(join(path, 'raw')))]).toEqual([0, 1])
    expect(await modeOf(join(path, 'color'))).toBe(0o644)
  })

  it('Volumes.mount() picks items, makes their folders and sets their modes', async () => {
    const items = [
      { key: 'color', path: 'deep/er/colour', mode: 0o400 },
      { key: 'app.conf', path: 'app' },
    ]
    const path = await mount({ configMap: { name: 'settings', items, defaultMode: 0o640 } })
    expect(await readFile(join(path, 'deep/er/colour'), 'utf8')).toBe('blue')
    expect(await modeOf(join(path, 'deep/er/colour'))).toBe(0o400)
    expect(await modeOf(join(path, 'app'))).toBe(0o640)
  })

  it('Volumes.mount() keeps the files of a pod where nobody but the agent may look', async () => {
    const path = await mount({ secret: { secretName: 'keys', defaultMode: 0o400 } })
    expect(await readFile(join(path, 'main'), 'utf8')).toBe('hunter2')
    expect(await modeOf(join(path, 'main'))).toBe(0o400)
    expect(await modeOf(join(folder, 'pods'))).toBe(0o700)
    expect(await modeOf(join(folder, 'pods', 'uid-1'))).toBe(0o700)
  })

  it('Volumes.mount() switches all files at once and removes those that went', async () => {
    const volume = { configMap: { name: 'settings' } }
    const path = await mount(volume)
    const before = await readlink(join(path, '..data'))
    await mount(volume)
    expect(await readlink(join(path, '..data'))).toBe(before)
    configMaps.settings = { data: { color: 'green', extra: 'y' } }
    await mount(volume)
    expect(await readlink(join(path, '..data'))).not.toBe(before)
    expect(await readFile(join(path, 'color'), 'utf8')).toBe('green')
    expect((await readdir(path)).filter(name => !name.startsWith('..')).sort()).toEqual(['color', 'extra'])
    expect((await readdir(path)).filter(name => name.startsWith('..'))).toHaveLength(2)
  })

  it('Volumes.mount() repairs what an interrupted switch left', async () => {
    const volume = { configMap: { name: 'settings' } }
    const path = await mount(volume)
    await rm(join(path, 'color'))
    await mkdir(join(path, '..0123'))
    await symlink('..0123', join(path, '..data_tmp'))
    await mount(volume)
    expect(await readFile(join(path, 'color'), 'utf8')).toBe('blue')
    expect((await readdir(path)).filter(name => name.startsWith('..'))).toHaveLength(2)
  })

  it('Volumes.mount() projects several sources into one folder', async () => {
    const path = await mount({
      projected: {
        sources: [
          { configMap: { name: 'settings', items: [{ key: 'color', path: 'c' }] } },
          { secret: { name: 'keys' } },
          { downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
        ],
      },
    })
    expect(await readFile(join(path, 'c'), 'utf8')).toBe('blue')
    expect(await readFile(join(path, 'main'), 'utf8')).toBe('hunter2')
    expect(await readFile(join(path, 'labels'), 'utf8')).toBe('field metadata.labels')
  })

  it('Volumes.mount() makes an empty folder once and leaves what is in it', async () => {
    const path = await mount({ emptyDir: {} })
    expect(await modeOf(path)).toBe(0o777)
    await writeFile(join(path, 'data'), 'kept')
    await mount({ emptyDir: {} })
    expect(await readFile(join(path, 'data'), 'utf8')).toBe('kept')
  })

  it.each<[string, Omit<Volume, 'name'>]>([
    ['MountVolume.SetUp failed for volume "v" : configmap "none" not found', { configMap: { name: 'none' } }],
    ['MountVolume.SetUp failed for volume "v" : secret "none" not found', { secret: { secretName: 'none' } }],
    [
      'configmap references non-existent config key: none',
      { configMap: { name: 'settings', items: [{ key: 'none', path: 'x' }] } },
    ],
    ['must be relative', { configMap: { name: 'settings', items: [{ key: 'color', path: '../../x' }] } }],
    ['must be relative', { configMap: { name: 'settings', items: [{ key: 'color', path: '/x' }] } }],
    ['must be relative', { configMap: { name: 'settings', items: [{ key: 'color', path: '..data/x' }] } }],
    ['medium "Memory" is not supported', { emptyDir: { medium: 'Memory' } }],
    ['is of the type nfs', { nfs: { server: 's', path: '/' } }],
    ['which this host does not allow', { hostPath: { path: '/etc' } }],
  ])('Volumes.mount() refuses with %j', async (message, volume) => {
    await expect(mount(volume)).rejects.toThrow(message)
  })

  it('Volumes.mount() gives an optional volume that is missing as an empty folder', async () => {
    const path = await mount({ configMap: { name: 'none', optional: true } })
    expect((await readdir(path)).filter(name => !name.startsWith('..'))).toEqual([])
  })
})

describe('Volumes and paths of the host', () => {
  it('Volumes.mount() gives an allowed path, and makes what its type asks for', async () => {
    const path = join(folder, 'host', 'new')
    expect(await mountIn({ hostPath: { path, type: 'DirectoryOrCreate' } })).toEqual([path, false])
    await expect(mount({ hostPath: { path, type: 'File' } })).rejects.toThrow(`${path} is not a file`)
    const missing = join(folder, 'host', 'none')
    await expect(mount({ hostPath: { path: missing, type: 'Directory' } })).rejects.toThrow(
      'is not a directory',
    )
  })

  it('Volumes.mount() does not follow a link out of what is allowed, nor makes anything there', async () => {
    await mkdir(join(folder, 'private'))
    await symlink(join(folder, 'private'), join(folder, 'host', 'link'))
    for (const type of ['', 'Directory', 'DirectoryOrCreate'])
      await expect(mount({ hostPath: { path: join(folder, 'host', 'link', 'sub'), type } })).rejects.toThrow(
        'which this host does not allow',
      )
    expect(await readdir(join(folder, 'private'))).toEqual([])
  })

  it('Volumes.mount() refuses a folder that holds something guarded, or leads into it, by whatever way', async () => {
    const guarded = join(folder, 'host/guarded/own')
    await mkdir(join(guarded, 'part'), { recursive: true })
    await symlink(join(folder, 'host'), join(folder, 'host/round'))
    for (const path of ['', 'guarded', 'round/guarded', 'guarded/own', 'round/guarded/own/part'])
      await expect(mount({ hostPath: { path: join(folder, 'host', path) } })).rejects.toThrow(
        `that needs --allow-host ${guarded}, too`,
      )
  })
})

describe('Volumes.containerMounts()', () => {
  it('Volumes.containerMounts() mounts files of the API read-only and empty folders writable', async () => {
    expect((await mountIn({ configMap: { name: 'settings' } }))[1]).toBe(true)
    expect((await mountIn({ emptyDir: {} }))[1]).toBe(false)
    expect((await mountIn({ emptyDir: {} }, { readOnly: true }))[1]).toBe(true)
  })

  it('Volumes.containerMounts() finds a subPath, also through the links of a ConfigMap', async () => {
    const [file] = await mountIn({ configMap: { name: 'settings' } }, { subPath: 'color' })
    expect(await readFile(file, 'utf8')).toBe('blue')
    const [made] = await mountIn({ emptyDir: {} }, { subPath: 'a/b' })
    expect((await stat(made)).isDirectory()).toBe(true)
  })

  it('Volumes.containerMounts() looks again where a path of the host leads, for each container', async () => {
    const path = join(folder, 'host', 'shared', 'data')
    await mkdir(path, { recursive: true })
    const spec = { containers: [], volumes: [{ name: 'v', hostPath: { path } }] }
    const mounted = await volumes.mount({ uid: 'uid-1', name: 'app', spec }, sources)
    const container = { name: 'c', volumeMounts: [{ name: 'v', mountPath: '/mnt' }] }
    expect(
      await volumes.containerMounts({ uid: 'uid-1', container, attempt: 0 }, mounted, text => text),
    ).toMatchObject([{ hostPath: path }])
    // Another pod has the folder above mounted, and puts a link there before the container starts again.
    await rm(path, { recursive: true })
    await symlink('/etc', path)
    await expect(
      volumes.containerMounts({ uid: 'uid-1', container, attempt: 0 }, mounted, text => text),
    ).rejects.toThrow('hostPath leads to "/etc", which this host does not allow')
  })

  it('Volumes.containerMounts() does not leave the volume by a link or by dots', async () => {
    const path = await mount({ emptyDir: {} })
    await symlink('/etc', join(path, 'out'))
    await symlink('/tmp/bowline-does-not-exist', join(path, 'dangling'))
    await symlink('.', join(path, 'self'))
    for (const subPath of ['out', 'out/passwd', 'dangling', 'dangling/x', '../x', '/etc', 'self/../../x'])
      await expect(mountIn({ emptyDir: {} }, { subPath })).rejects.toThrow('subPath')
    expect((await mountIn({ emptyDir: {} }, { subPath: 'self/inside' }))[0]).toBe(join(path, 'inside'))
  })
})

describe('Volumes.remove()', () => {
  it('Volumes.remove() removes everything of a pod and nothing of another', async () => {
    await mount({ emptyDir: {} })
    await volumes.mount({ uid: 'uid-2', name: 'other', spec: { containers: [] } }, sources)
    expect((await volumes.owners()).toSorted()).toEqual(['uid-1', 'uid-2'])
    await volumes.remove('uid-1')
    await volumes.remove('uid-1')
    expect(await volumes.owners()).toEqual(['uid-2'])
  })
})
