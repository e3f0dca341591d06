import { describe, expect, it } from 'vitest'
import { excerptOf } from '../../src/kube/diagnostic.ts'
import { parseFieldPath } from '../../src/kube/field-path.ts'
import { createFieldLocator, mayHoldSecrets, parseManifestText } from '../../src/kube/manifest.ts'

const CONFIG_MAP = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  k: v\n'

describe('parseManifestText()', () => {
  it('gives every object of several documents and of lists with its place', () => {
    const text = `# first\n${CONFIG_MAP}---\napiVersion: v1\nkind: List\nitems:\n  - {kind: A, items: []}\n  - kind: ListOfNothing\n  - kind: PodList\n    items: [{kind: Pod}]\n---\n---\nx: 1\n`
    const { manifests, problems } = parseManifestText(text)
    expect(problems).toEqual([])
    expect(
      manifests.map(({ value, line, column }) => [(value as { kind?: string }).kind, line, column]),
    ).toEqual([
      ['ConfigMap', 2, 1],
      ['A', 12, 5],
      ['ListOfNothing', 13, 5],
      ['Pod', 15, 13],
      [undefined, 18, 1],
    ])
    const locate = createFieldLocator(text)
    expect(locate(manifests[3]!, 'kind')).toEqual({ line: 15, column: 20 })
    expect(locate(manifests[0]!, 'metadata.name')).toEqual({ line: 5, column: 9 })
  })

  it('shows the line of a problem with a caret', () => {
    expect(parseManifestText('a: 1\nb: {c: 1, c: 2}\n').problems).toEqual([
      {
        line: 2,
        column: 11,
        code: 'duplicate-key',
        message: 'the key "c" is given twice, first in line 2',
        excerpt: 'b: {c: 1, c: 2}\n          ^',
        hint: 'remove one of them: only the last would count',
      },
    ])
  })

  it('counts the objects of lists towards the limit of documents', () => {
    const text = JSON.stringify({ kind: 'List', items: Array(1_001).fill({ kind: 'Pod' }) })
    const { manifests, problems } = parseManifestText(text)
    expect(manifests).toHaveLength(1_000)
    expect(problems.map(({ code }) => code)).toEqual(['too-many-documents'])
  })

  it('shows no value of a Secret, nor of what may be one', () => {
    for (const text of [
      'kind: Secret\nstringData:\n  password: "hunter2\n',
      'kind: Secret\nstringData:\n  password: hunter2\n  password: hunter2\n',
      'kind: Secert\nstringData:\n  - hunter2\n  password: [hunter2\n',
      '{"kind": "Secret", "data": {"a": hunter2: x}}',
      'data:\n  hunter2\n  a: *hunter2x\n',
      'kind: Secret\ndata:\n  a: |\n hunter2\n  b: ]hunter2',
    ]) {
      expect(mayHoldSecrets(text), text).toBe(true)
      const { problems } = parseManifestText(text)
      expect(problems.length, text).toBeGreaterThan(0)
      for (const { excerpt, message } of problems) expect(`${excerpt} ${message}`).not.toContain('hunter2 ')
      for (const { excerpt } of problems) expect(excerpt).not.toContain('hunter2')
    }
    expect(mayHoldSecrets(CONFIG_MAP)).toBe(false)
  })

  it('looks for values of a Secret once in a text, whatever it is made of', () => {
    // Were all that follows looked through from every line anew, none of these would come to an end.
    expect(parseManifestText(`${'\n'.repeat(500_000)}{`).problems).toHaveLength(1)
    for (const space of ['\n', '\r\n', ' \n', '\t', '\u2028', '-\n'])
      for (const start of ['', 'kind', 'data', '"data"'])
        expect(mayHoldSecrets(start + space.repeat(500_000))).toBe(false)
    expect(mayHoldSecrets(`${' \n\t'.repeat(500_000)}"data" :`)).toBe(true)
  })
})

describe('createFieldLocator()', () => {
  it('finds fields from a cached manifest and the text alone', () => {
    const text = `a: 1\n---\nkind: List\nitems:\n- spec:\n    replicas: x\n`
    const manifest = parseManifestText(text).manifests[1]
    expect(manifest).toMatchObject({ document: 1, path: 'items[0]' })
    expect(createFieldLocator(text)(manifest!, 'spec.replicas')).toEqual({ line: 6, column: 15 })
    expect(createFieldLocator('')(manifest!, 'spec.replicas')).toBeUndefined()
  })
})

describe('parseFieldPath()', () => {
  it.each([
    ['', []],
    ['spec', ['spec']],
    ['spec.containers[0].image', ['spec', 'containers', 0, 'image']],
    ['metadata.labels[app.kubernetes.io/name]', ['metadata', 'labels', 'app.kubernetes.io/name']],
    ['data["a]b"].c', ['data', 'a]b', 'c']],
    ['containers[name="web"].image', ['containers', { key: 'name', value: 'web' }, 'image']],
    ['ports[containerPort=80]', ['ports', { key: 'containerPort', value: '80' }]],
    ['a..b', ['a', 'b']],
    ['a[', ['a', '']],
    ['[0][1]', [0, 1]],
  ])('reads %s', (path, steps) => {
    expect(parseFieldPath(path)).toEqual(steps)
  })
})

describe('excerptOf()', () => {
  it('cuts a long line around the column and keeps the caret under it', () => {
    const [line = '', caret = ''] = excerptOf(`${'a'.repeat(500)}X${'b'.repeat(500)}`, {
      line: 1,
      column: 501,
    }).split('\n')
    expect(line.length).toBe(120)
    expect(line[caret.indexOf('^')]).toBe('X')
  })

  it('lets no control character through', () => {
    expect(excerptOf('a\u001b[31m\tb\r\n', { line: 1, column: 7 })).toBe('a [31m b\n      ^')
    expect(excerptOf('a', { line: 9, column: 3 })).toBe('\n^')
  })
})
