/**
 * `npm run bench`: what Bowline costs and how fast it is, each figure beside a reference that is measured in the same run, because
 * absolute figures are of one machine on one day. docs/benchmarks.md tells how each line is measured and what it means.
 *
 *     npm run bench                          everything, about half an hour
 *     npm run bench -- --quick               fewer runs
 *     npm run bench -- --only start,memory   these sections
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { describeMachine } from './machine.ts'
import { type Bench, isMet, type Line, type Section } from './measurement.ts'
import { api } from './sections/api.ts'
import { dns } from './sections/dns.ts'
import { memory } from './sections/memory.ts'
import { plan } from './sections/plan.ts'
import { replace } from './sections/replace.ts'
import { rollout } from './sections/rollout.ts'
import { routable } from './sections/routable.ts'
import { service } from './sections/service.ts'
import { start } from './sections/start.ts'
import { formatTable } from './table.ts'

const SECTIONS: readonly Section[] = [start, rollout, replace, plan, service, routable, dns, api, memory]

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    quick: { type: 'boolean', default: false },
    dist: { type: 'string', default: resolve(import.meta.dirname, '../dist') },
  },
})
const interrupted = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, interrupt)
const sections = chosen(values.only)

/** The first signal ends the bench after the step at hand, with everything cleaned up; the second one at once. */
function interrupt(): void {
  if (interrupted.signal.aborted) process.exit(130)
  console.error('  stopping after this step')
  interrupted.abort()
}

function note(text: string): void {
  interrupted.signal.throwIfAborted()
  console.error(`  ${text}`)
}

function chosen(only: string | undefined): readonly Section[] {
  if (only === undefined) return SECTIONS
  return only.split(',').map(name => {
    const section = SECTIONS.find(candidate => candidate.name === name)
    if (section === undefined)
      throw new RangeError(`no section "${name}"; there are ${SECTIONS.map(each => each.name).join(', ')}`)
    return section
  })
}

/** 0 when everything that can be measured here was, whatever the figures; 1 when a section failed. */
async function run(sections: readonly Section[], dist: string, quick: boolean): Promise<number> {
  console.log(`bowline bench on ${describeMachine()}\n`)
  const folder = await mkdtemp(join(tmpdir(), 'bowline-bench-'))
  const lines: Line[] = []
  const remarks: string[] = []
  let failures = 0
  try {
    for (const section of sections) {
      if (interrupted.signal.aborted) break
      const obstacle = section.obstacle()
      if (obstacle !== undefined) remarks.push(`${section.name} (${section.about}) skipped: ${obstacle}`)
      else {
        try {
          lines.push(...(await section.measure({ dist, folder, quick, note } satisfies Bench)))
        } catch (error) {
          failures += 1
          remarks.push(`${section.name} (${section.about}) failed: ${(error as Error).stack}`)
        }
      }
    }
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
  if (lines.length > 0) console.log(`\n${formatTable(lines)}\n`)
  for (const remark of remarks) console.log(remark)
  const aims = lines.map(isMet).filter(met => met !== undefined)
  console.log(
    `${aims.filter(Boolean).length} of ${aims.length} aims met${quick ? '; few runs (--quick)' : ''}`,
  )
  return failures === 0 ? 0 : 1
}

process.exitCode = await run(sections, values.dist, values.quick)
