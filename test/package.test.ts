import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../src/base/index.ts'
import { createHttpsClient, loadKubeconfig } from '../src/client/index.ts'

const run = promisify(execFile)

interface Locked {
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly resolved?: string
}

describe('package-lock.json', () => {
  it('has every package that a locked one names, as npm ci demands, and names no registry', async () => {
    const { packages } = JSON.parse(await readFile('package-lock.json', 'utf8')) as {
      readonly packages: Readonly<Record<string, Locked>>
    }
    const missing: string[] = []
    for (const [path, { dependencies, optionalDependencies, resolved }] of Object.entries(packages)) {
      expect(resolved, path).toBeUndefined()
      for (const name of Object.keys({ ...dependencies, ...optionalDependencies }))
        if (!places(path, name).some(place => place in packages)) missing.push(`${path} needs ${name}`)
    }
    expect(missing).toEqual([])
  })
})

describe('npm pack', () => {
  let folder: string
  let installed: string

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bowline-package-'))
    await run('npm', ['pack', '--pack-destination', folder])
    const [tarball = ''] = (await readdir(folder)).filter(name => name.endsWith('.tgz'))
    installed = join(folder, 'empty')
    await mkdir(installed)
    const options = ['--prefer-offline', '--no-audit', '--no-fund', '--no-package-lock']
    await run('npm', ['install', ...options, join(folder, tarball)], { cwd: installed })
  })

  afterAll(() => rm(folder, { recursive: true, force: true }))

  it('holds what runs and what explains it, and nothing that points elsewhere', async () => {
    const root = join(installed, 'node_modules/bowline')
    expect((await readdir(root)).sort()).toEqual(
      [
        'ARCHITECTURE.md',
        'CHANGELOG.md',
        'LICENSE',
        'README.md',
        'dist',
        'docs',
        'examples',
        'package.json',
      ].sort(),
    )
    const files = await readdir(join(root, 'dist'), { recursive: true })
    expect(files.filter(name => /\.(?:ts|map)$/.test(name))).toEqual([])
    for (const name of files.filter(file => file.endsWith('.js')))
      expect(await readFile(join(root, 'dist', name), 'utf8'), name).not.toContain('sourceMappingURL')
    // V8 keeps two bytes for each character of a file as soon as one needs them.
    for (const name of files.filter(file => /^(?:chunk|agent|server)-.*\.js$/.test(file)))
      expect(/[^\0-\xff]/.exec(await readFile(join(root, 'dist', name), 'utf8'))?.[0], name).toBeUndefined()
    const main = join(root, 'dist/main.js')
    expect((await readFile(main, 'utf8')).split('\n')[0]).toBe('#!/bin/sh')
    expect((await stat(main)).mode & 0o111).toBe(0o111)
  })

  it('gives a bowline command that says its version, installed into an empty folder', async () => {
    const { stdout } = await run(bowline(), ['version', '--data-dir', join(folder, 'none')])
    expect(stdout).toContain('bowline 0.')
  })

  it('gives a bowline command that serves and that answers its own commands', async () => {
    const dataDir = join(folder, 'data')
    const args = ['up', '--data-dir', dataDir, '--listen', '127.0.0.1:0', '--runtime', 'process']
    const up = spawn(bowline(), args, { stdio: ['ignore', 'pipe', 'ignore'] })
    const exited = once(up, 'exit')
    try {
      let output = ''
      await new Promise<void>((resolve, reject) => {
        up.stdout.setEncoding('utf8').on('data', (chunk: string) => {
          output += chunk
          if (output.includes('serving https://')) resolve()
        })
        up.once('exit', () => reject(new Error(`bowline up ended: ${output}`)))
      })
      const { stdout } = await run(bowline(), ['status', '--data-dir', dataDir, '--output', 'json'])
      expect(JSON.parse(stdout)).toMatchObject({ apps: [] })
      expect(await schemaOf(dataDir, 'io.k8s.api.core.v1.ConfigMap')).toMatchObject({
        description: 'ConfigMap holds configuration data for pods to consume.',
      })
    } finally {
      up.kill('SIGTERM')
    }
    expect(await exited).toEqual([0, null])
  })

  function bowline(): string {
    return join(installed, 'node_modules/.bin/bowline')
  }
})

/** A definition of the core group as the server publishes it. */
async function schemaOf(dataDir: string, name: string): Promise<unknown> {
  const { server, ca, credentials } = loadKubeconfig(await readFile(join(dataDir, 'kubeconfig'), 'utf8'))
  const client = createHttpsClient({
    server,
    ...(ca === undefined ? {} : { ca }),
    credentials,
    clock: systemClock,
    userAgent: 'test',
    fieldManager: 'test',
  })
  try {
    const { components } = (await client.rawGet('/openapi/v3/api/v1')) as {
      readonly components: { readonly schemas: { readonly [name: string]: unknown } }
    }
    return components.schemas[name]
  } finally {
    await client.close()
  }
}

/** Where Node would look for a package, from the folder of another. */
function places(from: string, name: string): readonly string[] {
  const folders = from.split('/node_modules/')
  const around = folders.map((_, index) => folders.slice(0, folders.length - index).join('/node_modules/'))
  return [...around.map(folder => `${folder}/node_modules/${name}`), `node_modules/${name}`]
}
