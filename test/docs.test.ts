import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { inertReason } from '../src/kinds/index.ts'
import { allKinds, apiVersionOf } from '../src/kube/index.ts'

const read = (name: string): string => readFileSync(new URL(`../docs/${name}`, import.meta.url), 'utf8')
/** The rows of the tables of a text, as lists of cells. */
const rowsOf = (text: string): readonly (readonly string[])[] =>
  text
    .split('\n')
    .filter(line => line.startsWith('| ') && !line.startsWith('| ---'))
    .map(line => line.slice(2, -2).split(' | '))

describe('docs/api.md', () => {
  it('lists every kind that is served and no other, and what nothing acts on', () => {
    const said = rowsOf(read('api.md'))
      .filter(([version]) => version?.startsWith('`'))
      .flatMap(([version = '', kinds = '', state = '']) =>
        kinds.split(', ').map(kind => `${version.replaceAll('`', '')} ${kind}: ${state}`),
      )
    const real = allKinds.map(kind => {
      const reason = inertReason(kind)
      return `${apiVersionOf(kind)} ${kind.kind}: ${reason === undefined ? 'yes' : `not yet: ${reason}`}`
    })
    expect([...said].sort()).toEqual([...real].sort())
  })
})

describe('docs/conformance.md', () => {
  const rows = rowsOf(read('conformance.md')).filter(([asked]) => asked !== 'the suite asks')

  it('has a line for each of the 79 tests, and a test for each line that is answered', () => {
    expect(rows).toHaveLength(79)
    expect(new Set(rows.map(([asked]) => asked)).size).toBe(79)
    for (const [asked, state, by = ''] of rows) {
      const files = [...by.matchAll(/\]\(\.\.\/([^)]+)\)/g)].map(([, file = '']) => file)
      expect(files.length > 0, asked).toBe(state === 'yes')
      for (const file of files) expect(existsSync(new URL(`../${file}`, import.meta.url)), file).toBe(true)
    }
  })

  it('names tests that have the name of the line, where a test asks nothing else', () => {
    const texts = new Map<string, string>()
    for (const [asked = '', , by = ''] of rows) {
      const [, file] = /^\[[^\]]+\]\(\.\.\/([^)]+conformance\.test\.ts)\)$/.exec(by) ?? []
      if (file === undefined) continue
      const text = texts.get(file) ?? readFileSync(new URL(`../${file}`, import.meta.url), 'utf8')
      texts.set(file, text)
      // The last words of a name are the test's own; those before them are those of its group.
      const words = asked.split(' ')
      const isThere = words.some(
        (_, index) => index <= words.length - 4 && text.includes(words.slice(index).join(' ')),
      )
      expect(isThere || asked.includes('AggregatedDiscovery'), asked).toBe(true)
    }
  })
})
