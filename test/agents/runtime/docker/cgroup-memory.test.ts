import { describe, expect, it } from 'vitest'
import { memoryFiles, workingSetBytes } from '../../../../src/agents/runtime/docker/cgroup-memory.ts'

describe('memoryFiles()', () => {
  it.each([
    [
      'cgroup v1',
      '12:pids:/docker/abc\n4:memory:/docker/abc\n0::/system.slice/containerd.service\n',
      '/sys/fs/cgroup/memory/docker/abc/memory.usage_in_bytes',
    ],
    [
      'controllers that share a hierarchy',
      '3:cpu,memory:/docker/abc\n',
      '/sys/fs/cgroup/memory/docker/abc/memory.usage_in_bytes',
    ],
    [
      'cgroup v2',
      '0::/system.slice/docker-abc.scope\n',
      '/sys/fs/cgroup/system.slice/docker-abc.scope/memory.current',
    ],
    ['a process that has gone', '', undefined],
  ])('memoryFiles() of %s', (_, text, expected) => {
    expect(memoryFiles(text)?.usage).toBe(expected)
  })
})

describe('workingSetBytes()', () => {
  it('workingSetBytes() is 0 for a process that has gone', async () => {
    expect(await workingSetBytes(2 ** 22 + 1)).toBe(0)
  })
})
