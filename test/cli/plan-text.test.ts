import { describe, expect, it } from 'vitest'
import { changeLine, countsText, fieldLines, nameWidth } from '../../src/cli/plan-text.ts'

const plain = (_style: unknown, text: string) => text
const ref = { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name: 'web' }
const source = { file: 'apps/shop/web.yaml', line: 18, column: 1 }
const IMAGE = 'spec.template.spec.containers[name="web"].image'

describe('changeLine()', () => {
  it.each([
    [
      'a tag that moved',
      [{ path: IMAGE, before: 'registry:5000/shop:1.4.2', after: 'registry:5000/shop:1.4.3' }],
      'image 1.4.2 → 1.4.3',
    ],
    ['another image', [{ path: IMAGE, before: 'shop:1', after: 'store:1' }], 'image shop:1 → store:1'],
    ['an image without a tag', [{ path: IMAGE, before: 'shop', after: 'shop:2' }], 'image shop → shop:2'],
    ['a field that goes', [{ path: 'spec.paused', before: true }], 'paused removed'],
    ['a field that comes', [{ path: 'spec.paused', after: true }], 'paused true'],
    [
      'more fields than fit',
      [1, 2, 3, 4].map(index => ({ path: `spec.f${index}`, before: 0, after: index })),
      'f1 0 → 1, f2 0 → 2, 2 more',
    ],
  ])('tells %s in a few words', (_what, fields, text) => {
    expect(changeLine('shop', { action: 'configure', ref, source, fields }, plain)).toBe(
      `  ~ shop/Deployment web          ${text}   apps/shop/web.yaml:18`,
    )
  })

  it('gives all names of a plan one column, and none more than its own length', () => {
    const named = (name: string) => ({
      app: 'shop',
      change: {
        action: 'configure' as const,
        ref: { ...ref, name },
        source,
        fields: [{ path: 'a', after: 1 }],
      },
    })
    const long = named('a-web-server-with-a-rather-long-name')
    const longest = named('x'.repeat(200))
    const all = [named('web'), long, longest]
    const width = nameWidth(all)
    const [short, other, last] = all.map(({ app, change }) => changeLine(app, change, plain, width))
    expect(short?.indexOf('a 1')).toBe(other?.indexOf('a 1'))
    expect(other).toBe(`  ~ shop/Deployment ${long.change.ref.name} a 1   apps/shop/web.yaml:18`)
    expect(last).toBe(`  ~ shop/Deployment ${longest.change.ref.name} a 1   apps/shop/web.yaml:18`)
    expect(nameWidth([named('web')])).toBe(28)
  })

  it('names the namespace where it is not that of the app', () => {
    const line = changeLine('blog', { action: 'delete', ref, fields: [] }, plain)
    expect(line.trimEnd()).toBe('  - blog/Deployment shop/web')
  })
})

describe('fieldLines()', () => {
  it('gives every field a line, long values cut', () => {
    const fields = [
      { path: 'data.a', before: 'x'.repeat(80), after: 'y' },
      { path: 'data.b', after: { c: 1 } },
      { path: 'data.d', before: null },
    ]
    expect(fieldLines({ action: 'configure', ref, fields }, plain)).toEqual([
      `      data.a: ${'x'.repeat(57)}… → y`,
      '      + data.b: {"c":1}',
      '      - data.d: null',
    ])
  })
})

describe('countsText()', () => {
  it('leaves zeros out, but for deletions', () => {
    expect(countsText({ create: 0, configure: 2, delete: 0 })).toBe('2 configure, 0 delete')
    expect(countsText({ create: 1, configure: 0, delete: 3 })).toBe('1 create, 3 delete')
  })
})
