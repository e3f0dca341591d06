/**
 * Writes `src/cluster/api/http/protobuf/field-table.ts`: the numbers of the fields of Kubernetes' types, as its protobuf form has them.
 * They are read from the type descriptions in a kubectl program, which every Go program carries: struct tags name the fields and their
 * numbers, and the types say what can be told from its zero. Run it by hand for a new version of Kubernetes:
 *
 *     npx tsx scripts/generate-protobuf-fields.ts /usr/bin/kubectl
 */
import { readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readGoStructs } from './protobuf/go-structs.ts'
import { printFieldTable } from './protobuf/print-table.ts'

const [program = '/usr/bin/kubectl'] = process.argv.slice(2)
const target = join(
  dirname(fileURLToPath(import.meta.url)),
  '../src/cluster/api/http/protobuf/field-table.ts',
)

writeFileSync(target, printFieldTable(readGoStructs(readFileSync(realpathSync(program)))))
