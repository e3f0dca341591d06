import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { selfSigned } from '../agents/network/ingress/cluster-view.ts'
import { freePorts } from '../agents/network/ingress/haproxy/proxy-world.ts'
import { eventually } from '../base/eventually.ts'

/** Undefined where Pebble is installed; else why its tests cannot run. With `CI=true` its absence is a failure. */
export const pebbleMissing: string | undefined = missing()

function missing(): string | undefined {
  if (existsSync('/usr/bin/pebble')) return undefined
  if (process.env.CI === 'true') throw new Error('pebble is not installed')
  return 'pebble is not installed'
}

/** A host that the authority refuses a certificate for. */
export const REFUSED_HOST = 'refused.test'

/** An ACME authority of its own that finds every host at 127.0.0.1, and asks there at `httpPort`. */
export interface Pebble {
  readonly directory: string
  /** PEM of the root by which the directory proves itself. */
  readonly ca: string
  stop(): Promise<void>
}

export async function startPebble({ httpPort }: { readonly httpPort: number }): Promise<Pebble> {
  const folder = await mkdtemp(join(tmpdir(), 'bowline-pebble-'))
  const [port = 0, tlsPort = 0, dnsPort = 0, dnsManagement = 0] = await freePorts(4)
  const { certificate, key } = selfSigned('localhost')
  await writeFile(join(folder, 'cert.pem'), certificate)
  await writeFile(join(folder, 'key.pem'), key)
  const config = {
    listenAddress: `127.0.0.1:${port}`,
    managementListenAddress: '',
    certificate: join(folder, 'cert.pem'),
    privateKey: join(folder, 'key.pem'),
    httpPort,
    tlsPort,
    ocspResponderURL: '',
    externalAccountBindingRequired: false,
    domainBlocklist: [REFUSED_HOST],
  }
  await writeFile(join(folder, 'config.json'), JSON.stringify({ pebble: config }))
  const nothing = ['-http01', '', '-https01', '', '-tlsalpn01', '', '-doh', '']
  const children = [
    run('pebble-challtestsrv', [
      ...['-defaultIPv4', '127.0.0.1', '-defaultIPv6', '', '-dns01', `127.0.0.1:${dnsPort}`],
      ...['-management', `127.0.0.1:${dnsManagement}`, ...nothing.slice(0, 6)],
    ]),
    run('pebble', ['-config', join(folder, 'config.json'), '-dnsserver', `127.0.0.1:${dnsPort}`]),
  ]
  const directory = `https://localhost:${port}/dir`
  const ca = await readFile(join(folder, 'cert.pem'), 'utf8')
  await eventually('pebble answers', () => answers(directory, ca))
  return {
    directory,
    ca,
    async stop() {
      await Promise.all(
        children.map(child => {
          const ended = new Promise(resolve => child.once('exit', resolve))
          if (child.exitCode !== null) return undefined
          child.kill('SIGKILL')
          return ended
        }),
      )
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function run(program: string, args: readonly string[]): ChildProcess {
  const env = { ...process.env, PEBBLE_VA_NOSLEEP: '1', PEBBLE_AUTHZREUSE: '0' }
  return spawn(program, args, { env, stdio: 'ignore' })
}

function answers(url: string, ca: string): Promise<boolean> {
  return new Promise(resolve => {
    const asking = request(url, { ca, agent: false }, response => {
      response.resume()
      resolve(response.statusCode === 200)
    })
    asking.on('error', () => resolve(false))
    asking.end()
  })
}
