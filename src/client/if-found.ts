import { isNotFound } from '../kube/index.ts'

/** What a request answers; undefined when what it is about is not there, or not any more. */
export async function ifFound<T>(request: Promise<T>): Promise<T | undefined> {
  try {
    return await request
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}
