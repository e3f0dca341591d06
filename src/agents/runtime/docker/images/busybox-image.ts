import { readFile } from 'node:fs/promises'
import { BowlineError, type Clock, hasCode, systemClock } from '../../../../base/index.ts'
import { Engine } from '../engine/engine.ts'
import { assembleImageArchive } from './image-archive.ts'
import { architectureOf, loadImage } from './pause-image.ts'
import { packTar, type TarEntry } from './tar.ts'

/**
 * Makes sure that the engine has a small image to run, made from this machine's own static busybox: a shell and what one
 * does with it, `httpd` and `wget` among them. Nothing is pulled. Throws `bad-config` for a program that needs libraries.
 */
export async function ensureBusyboxImage(options: {
  readonly socketPath: string
  /** `/bin/busybox` of a package `busybox-static`. */
  readonly busyboxPath: string
  /** `name:tag` that the image gets. */
  readonly reference: string
  readonly clock?: Clock
}): Promise<void> {
  const { socketPath, busyboxPath, reference, clock = systemClock } = options
  const engine = await Engine.connect(socketPath, clock)
  if (await hasImage(engine, reference)) return
  const layer = packTar(busyboxRoot(await readStaticProgram(busyboxPath)))
  const archive = assembleImageArchive({
    reference,
    architecture: architectureOf(engine),
    layer,
    command: ['sh'],
    env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
  })
  await loadImage(engine, reference, archive)
}

/** A root file system around a static busybox. */
export function busyboxRoot(busybox: Uint8Array): readonly TarEntry[] {
  return [
    { path: 'bin/' },
    { path: 'bin/busybox', content: busybox },
    ...APPLETS.map(name => ({ path: `bin/${name}`, linkTo: 'busybox' })),
    { path: 'etc/' },
    { path: 'etc/passwd', content: PASSWD, mode: 0o644 },
    { path: 'etc/group', content: Buffer.from('root:x:0:\nnogroup:x:65534:\n'), mode: 0o644 },
    { path: 'root/', mode: 0o700 },
    { path: 'tmp/', mode: 0o1777 },
    { path: 'var/' },
    { path: 'var/www/' },
  ]
}

/** What manifests and tests call by name; everything else is `busybox <name>`. */
const APPLETS: readonly string[] = (
  'ash awk base64 basename cat chmod chown cp cut date dd df dirname du echo egrep env expr false find free grep gunzip ' +
  'gzip head hostname httpd id ifconfig ip kill killall ln ls md5sum mkdir mkfifo mktemp mount mv nc netstat nproc ' +
  'nslookup od paste ping pgrep pkill printf ps pwd readlink realpath rm rmdir route sed seq sh sha256sum sleep sort ' +
  'stat stty sync tail tar tee telnet test time timeout top touch tr traceroute true tty umount uname uniq uptime vi ' +
  'watch wc wget which whoami xargs yes'
).split(' ')

const PASSWD: Buffer = Buffer.from(
  'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n',
)

async function hasImage(engine: Engine, reference: string): Promise<boolean> {
  try {
    await engine.call({
      method: 'GET',
      path: `/images/${reference}/json`,
      action: `inspect the image ${reference}`,
    })
    return true
  } catch (error) {
    if (hasCode(error, 'not-found')) return false
    throw error
  }
}

async function readStaticProgram(path: string): Promise<Buffer> {
  const program = await readFile(path).catch((error: unknown) => {
    throw new BowlineError('bad-config', `Cannot make an image from ${path}: it cannot be read`, {
      cause: error,
    })
  })
  if (!isElf64(program) || needsInterpreter(program))
    throw new BowlineError(
      'bad-config',
      `Cannot make an image from ${path}: it is not a static 64-bit program`,
    )
  return program
}

function isElf64(program: Buffer): boolean {
  return program.length > 64 && program.readUInt32BE(0) === 0x7f454c46 && program[4] === 2
}

/** Whether a program header asks for a dynamic loader (PT_INTERP). */
function needsInterpreter(program: Buffer): boolean {
  const start = Number(program.readBigUInt64LE(32))
  const size = program.readUInt16LE(54)
  const count = program.readUInt16LE(56)
  for (let index = 0; index < count; index += 1) {
    const offset = start + index * size
    if (offset + 4 <= program.length && program.readUInt32LE(offset) === 3) return true
  }
  return false
}
