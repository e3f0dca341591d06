// Kills server, agents and engine at random instants, and tears hosts apart, many times: npm run chaos -- --rounds 20 --seed 42
import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '20' }, seed: { type: 'string' } },
})
const { status } = spawnSync('npx', ['vitest', 'run', '--project', 'e2e', 'test/chaos'], {
  stdio: 'inherit',
  env: {
    ...process.env,
    BOWLINE_CHAOS_ROUNDS: process.env.BOWLINE_CHAOS_ROUNDS ?? values.rounds,
    ...(values.seed === undefined ? {} : { BOWLINE_CHAOS_SEED: values.seed }),
  },
})
process.exit(status ?? 1)
