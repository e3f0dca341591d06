// Lets tests run the parse worker from TypeScript source: registers a loader, then becomes the worker.
import { register } from 'tsx/esm/api'

register()
await import('../../../src/sync/revision/parse-worker.ts')
