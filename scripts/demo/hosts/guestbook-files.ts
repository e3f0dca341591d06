import { readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { TEST_IMAGE } from '../../../test/support/dockerd.ts'

const EXAMPLE = resolve(import.meta.dirname, '../../../examples/guestbook')

/** The manifests of examples/guestbook by name, for the image that the engines of the hosts have, and changed as told. */
export async function guestbookFiles(
  change: (text: string) => string = text => text,
): Promise<Readonly<Record<string, string>>> {
  const names = (await readdir(EXAMPLE)).filter(name => name.endsWith('.yaml'))
  const entries = names.map(async name => {
    const text = await readFile(join(EXAMPLE, name), 'utf8')
    return [name, change(text.replaceAll('busybox:1.36', TEST_IMAGE))] as const
  })
  return Object.fromEntries(await Promise.all(entries))
}
