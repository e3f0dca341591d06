import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

const SRC = resolve(import.meta.dirname, '../src')

/** Who may import whom. ARCHITECTURE.md prints the same table; a layer lists only layers above it in this list. */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  base: [],
  kube: ['base'],
  kinds: ['kube', 'base'],
  pki: ['base'],
  client: ['kube', 'base'],
  sync: ['kinds', 'kube', 'base'],
  diff: ['kinds', 'kube', 'base'],
  apply: ['diff', 'client', 'kube', 'base'],
  audit: ['sync', 'diff', 'apply', 'client', 'kube', 'base'],
  pipeline: ['sync', 'diff', 'apply', 'audit', 'client', 'kinds', 'kube', 'base'],
  'cluster/store': ['base'],
  'cluster/api': ['cluster/store', 'pki', 'client', 'kinds', 'kube', 'base'],
  'cluster/controllers': ['client', 'pki', 'kinds', 'kube', 'base'],
  'cluster/scheduler': ['client', 'kube', 'base'],
  cluster: [
    'cluster/store',
    'cluster/api',
    'cluster/controllers',
    'cluster/scheduler',
    'pki',
    'client',
    'kube',
    'base',
  ],
  'agents/runtime': ['kube', 'base'],
  'agents/volumes': ['agents/runtime', 'kube', 'base'],
  'agents/probes': ['agents/runtime', 'kube', 'base'],
  'agents/network/nft': ['base'],
  'agents/network/services': ['agents/network/nft', 'client', 'kube', 'base'],
  'agents/network/policy': ['agents/network/nft', 'agents/network/services', 'client', 'kube', 'base'],
  'agents/network/ingress': ['pki', 'client', 'kube', 'base'],
  'agents/network/proxy': ['agents/network/services', 'client', 'kube', 'base'],
  'agents/network/iproute': ['base'],
  'agents/network/pods': ['agents/network/iproute', 'agents/runtime', 'base'],
  'agents/network/links': ['agents/network/iproute', 'agents/network/pods', 'client', 'kube', 'base'],
  'agents/network/dns': ['agents/runtime', 'client', 'kube', 'base'],
  'agents/network': [
    'agents/runtime',
    'agents/network/nft',
    'agents/network/services',
    'agents/network/policy',
    'agents/network/iproute',
    'agents/network/pods',
    'agents/network/links',
    'agents/network/dns',
    'agents/network/proxy',
    'client',
    'kube',
    'base',
  ],
  agents: [
    'agents/runtime',
    'agents/volumes',
    'agents/probes',
    'agents/network/ingress',
    'agents/network/dns',
    'agents/network',
    'pki',
    'client',
    'kube',
    'base',
  ],
}

/** The composition root and the command line see every layer, by its door. */
const ROOTS = ['cli', '.']

/** Each package has one door. */
const DOORS: Readonly<Record<string, string>> = {
  dockerode: 'agents/runtime/docker',
  yaml: 'kube/yaml',
  'isomorphic-git': 'sync',
  chokidar: 'sync',
  '@bufbuild/protobuf': 'cluster/api/http/protobuf',
  lmdb: 'cluster/store',
  undici: 'client',
  rfc6902: 'kinds/patch',
  re2js: 'kinds/pattern.ts',
  '@marcbachmann/cel-js': 'kinds/cel',
  '@peculiar/x509': 'pki',
  'reflect-metadata': 'pki',
  commander: 'cli',
  'acme-client': 'cluster/controllers/acme',
}

/** Words that belong to one place, and why. */
const WORDS: readonly { readonly word: RegExp; readonly allowed: readonly string[]; readonly why: string }[] =
  [
    {
      word: /\bDate\.now\(|\bnew Date\(\)|(?<!\.)\bsetTimeout\(|\bsetInterval\(|\bMath\.random\(|\brandomUUID\(/,
      allowed: ['base'],
      why: 'time and chance come in as a Clock and Ids of base',
    },
    {
      word: /(?<![.#\w/])process\.(?!nextTick)[a-z]|\bconsole\./i,
      allowed: ['cli', 'config.ts', 'main.ts'],
      why: 'the process and the console belong to the command line',
    },
    {
      word: /from 'node:child_process'/,
      allowed: [
        'sync/git',
        'agents/runtime/process',
        'agents/network/',
        'agents/volumes/folders/archive.ts',
        'agents/volumes/mount.ts',
        'cli',
      ],
      why: 'child processes are started by git, the process runtime, the host’s network, the archives and mounts of volumes and the command line only',
    },
  ]

interface Source {
  /** Relative to src, with `/`. */
  readonly path: string
  readonly text: string
  readonly code: string
}

const sources: readonly Source[] = readdirSync(SRC, { recursive: true, withFileTypes: true })
  .filter(entry => entry.isFile() && entry.name.endsWith('.ts'))
  .map(entry => join(entry.parentPath, entry.name))
  .filter(file => !file.includes('/generated/'))
  .map(file => {
    const text = readFileSync(file, 'utf8')
    return { path: relative(SRC, file), text, code: withoutComments(text) }
  })

describe('architecture', () => {
  it('the table lists only layers that come before the one that imports them', () => {
    const names = Object.keys(LAYERS)
    for (const [layer, imports] of Object.entries(LAYERS))
      for (const imported of imports)
        expect(names.indexOf(imported), `${layer} imports ${imported}`).toBeLessThan(names.indexOf(layer))
  })

  it('every layer of the table is a folder with a door', () => {
    const absent = Object.keys(LAYERS).filter(layer => !existsSync(join(SRC, layer, 'index.ts')))
    expect(absent).toEqual([])
  })

  it('every import goes to an allowed layer, by its index.ts', () => {
    const faults: string[] = []
    for (const { path, code } of sources) {
      const from = layerOf(path)
      for (const target of relativeImports(path, code)) {
        const to = layerOf(target)
        if (from === to) {
          if (target === `${from}/index.ts`)
            faults.push(`${path}: import the file itself, not the layer's own index.ts`)
          continue
        }
        if (!ROOTS.includes(from) && !LAYERS[from]?.includes(to))
          faults.push(`${path}: ${from} may not import ${to}`)
        else if (!ROOTS.includes(to) && !target.endsWith('/index.ts') && !target.includes('/generated/'))
          faults.push(`${path}: import ${to}/index.ts instead of ${target}`)
      }
    }
    expect(faults).toEqual([])
  })

  it('kube, kinds and diff are pure', () => {
    const faults = sources
      // The door to YAML loads its package when it is first asked.
      .filter(({ path }) => /^(kube|kinds|diff)\//.test(path) && path !== 'kube/yaml/package.ts')
      .filter(({ code }) => /from 'node:/.test(code))
      .map(({ path }) => `${path}: kube, kinds and diff do no I/O; import nothing of node:`)
    expect(faults).toEqual([])
  })

  it('each package is imported only through its door', () => {
    const faults: string[] = []
    for (const { path, code } of sources)
      for (const name of packageImports(code)) {
        const door = DOORS[name]
        if (door !== undefined && !path.startsWith(door))
          faults.push(`${path}: ${name} is imported only in ${door}`)
      }
    expect(faults).toEqual([])
  })

  it('an agent loads nothing of what judges objects, keeps them or reads Git', () => {
    const others = ['kinds', 'sync', 'diff', 'apply', 'audit', 'pipeline', 'cluster']
    const loaded = loadedWith('main.ts', 'cli/agent.ts')
    expect(loaded).toContain('agents/agent.ts')
    expect(loaded.filter(path => others.includes(path.split('/')[0] ?? ''))).toEqual([])
  })

  it.each(WORDS)('$word stays where it belongs', ({ word, allowed, why }) => {
    const faults = sources
      .filter(({ path }) => !allowed.some(prefix => path.startsWith(prefix)))
      .filter(({ code }) => word.test(code))
      .map(({ path, code }) => `${path}: ${word.exec(code)?.[0]}: ${why}`)
    expect(faults).toEqual([])
  })

  it('ARCHITECTURE.md prints the same table', () => {
    const page = readFileSync(resolve(SRC, '../ARCHITECTURE.md'), 'utf8')
    for (const [layer, imports] of Object.entries(LAYERS)) {
      const row = page.split('\n').find(line => line.startsWith(`| \`src/${layer}\` |`))
      expect(row, `ARCHITECTURE.md has a row for src/${layer}`).toBeDefined()
      const cell = row?.split('|').at(-2)?.trim() ?? ''
      expect(cell === 'nothing' ? [] : cell.split(', ')).toEqual(imports)
    }
  })
})

/** The files that are loaded at once when these are: by imports that are no more than types nothing is. */
function loadedWith(...entries: readonly string[]): readonly string[] {
  const loaded = new Set<string>(entries)
  for (const path of loaded) {
    const code = sources.find(source => source.path === path)?.code ?? ''
    const values = code.replace(/(?:import|export) type [^']*from\s*'[^']+'|import\(\s*'[^']+'\)/g, '')
    for (const target of relativeImports(path, values)) loaded.add(target)
  }
  return [...loaded]
}

/** The longest layer that is a prefix of the path; `.` for files of src itself. */
function layerOf(path: string): string {
  const folders = dirname(path).split('/')
  for (let depth = folders.length; depth > 0; depth -= 1) {
    const candidate = folders.slice(0, depth).join('/')
    if (Object.hasOwn(LAYERS, candidate) || ROOTS.includes(candidate)) return candidate
  }
  return folders[0] ?? '.'
}

function relativeImports(path: string, code: string): string[] {
  return [...code.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map(([, target = '']) =>
    relative(SRC, resolve(SRC, dirname(path), target)),
  )
}

function packageImports(code: string): string[] {
  return [...code.matchAll(/(?:from|import)\s*\(?\s*'([^.'][^']*)'/g)].map(([, name = '']) =>
    name
      .split('/')
      .slice(0, name.startsWith('@') ? 2 : 1)
      .join('/'),
  )
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '')
}
