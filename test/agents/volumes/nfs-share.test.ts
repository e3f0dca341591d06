import { expect, it } from 'vitest'
import { nfsShare } from '../../../src/agents/volumes/nfs-share.ts'

const SHARE = { server: '192.0.2.1', path: '/data' }
const optionsOf = (...mountOptions: readonly string[]) => nfsShare(SHARE, mountOptions).options.o

it.each(['nfsvers=3', 'vers=4.1', 'v4', 'v4.2', 'minorversion=1', 'soft,nfsvers=4'])(
  'nfsShare() leaves the version to the option %s',
  option => {
    expect(optionsOf('hard', option)).toBe(`addr=192.0.2.1,rw,hard,${option}`)
  },
)

it.each([[], ['soft'], ['noac', 'mountvers=3']])(
  'nfsShare() asks for version 4.2 where no option names one: %j',
  (...options) => {
    expect(optionsOf(...options)).toBe(['addr=192.0.2.1', 'rw', 'nfsvers=4.2', ...options].join(','))
  },
)

it('nfsShare() gives one share with other options another name', () => {
  expect(nfsShare(SHARE, ['soft'])).toEqual(nfsShare({ ...SHARE }, ['soft']))
  const names = [
    nfsShare(SHARE, ['soft']),
    nfsShare(SHARE, ['hard']),
    nfsShare({ ...SHARE, readOnly: true }, ['soft']),
    nfsShare({ ...SHARE, path: '/other' }, ['soft']),
  ].map(({ name }) => name)
  expect(new Set(names).size).toBe(names.length)
})
