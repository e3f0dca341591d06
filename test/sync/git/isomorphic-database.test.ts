import { IsomorphicObjectDatabase } from '../../../src/sync/git/isomorphic-database.ts'
import { describeObjectDatabase } from './git-reader-conformance.ts'

describeObjectDatabase('isomorphic-git', async directory => new IsomorphicObjectDatabase(directory))
