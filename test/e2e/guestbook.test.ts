import { describe, expect, it } from 'vitest'
import { DemoStage } from '../support/demo.ts'
import { testHostsAvailability } from '../support/hosts.ts'

const { available, reason } = testHostsAvailability()

/** Three hosts with an engine each, and a whole story. */
const STORY_MS = 600_000

describe.skipIf(!available)(`examples/guestbook, as npm run demo -- --hosts 3 tells it (${reason})`, () => {
  it(
    'keeps every claim on three hosts, and leaves nothing behind',
    async () => {
      const stage = new DemoStage()
      try {
        const { code, output } = await stage.run(['--hosts', '3'])
        expect({ code, output }).toMatchObject({ code: 0 })
        for (const claim of [
          /✓ 3 hosts are ready: h1, h2, h3/,
          /✓ http:\/\/guestbook\.example\.org\/ is served by every host/,
          /✓ GET at h2: .*Ada was here[\s\S]*✓ GET at h3: .*Ada was here/,
          /✓ store-0 is another pod, where its volume is: on h\d/,
          /✓ the entry is still read at every host/,
          /✓ the page has its new title/,
          /✓ no pod is left on h\d/,
          /✓ names resolve and the page is served by every host all the same/,
          /✓ the server is back, and no container had to change/,
          /chain intact/,
        ])
          expect(output).toMatch(claim)
        // One while a version is rolled out, one while a host is drained.
        const visits = [...output.matchAll(/✓ (\d+) visits at 3 hosts, 0 failed/g)].map(([, count]) =>
          Number(count),
        )
        expect(visits).toHaveLength(2)
        for (const count of visits) expect(count).toBeGreaterThan(30)
        expect(await stage.leftovers()).toEqual([])
      } finally {
        await stage.remove()
      }
    },
    STORY_MS,
  )
})
