import { silentLogger, systemClock } from '../../../src/base/index.ts'
import { openLmdbStore } from '../../../src/cluster/store/index.ts'

/** Writes pairs of keys for ever, eight at a time, and prints each pair once it is acknowledged. */
const [path = '', round = ''] = process.argv.slice(2)
const store = await openLmdbStore({ path, clock: systemClock, log: silentLogger })
await Promise.all(
  Array.from({ length: 8 }, async (_, writer) => {
    for (let index = 0; ; index += 1) {
      const key = `${round}-${writer}-${index}`
      const value = Buffer.alloc(600, key)
      const { revision } = await store.txn(
        [],
        [
          { type: 'put', key: `/left/${key}`, value },
          { type: 'put', key: `/right/${key}`, value },
        ],
      )
      process.stdout.write(`${key} ${revision}\n`)
    }
  }),
)
