import { expect, it } from 'vitest'
import { openHostPath } from '../../../src/agents/volumes/host-path.ts'

it('openHostPath() refuses at once what is longer than any path', async () => {
  const path = `/tmp${'/a'.repeat(1 << 19)}`
  await expect(openHostPath({ path }, ['/tmp'])).rejects.toMatchObject({
    code: 'bad-config',
    message: `hostPath is longer than any path: ${path.length} characters`,
  })
})
