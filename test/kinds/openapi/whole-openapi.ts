import { openApiV2Parts } from '../../../src/kinds/index.ts'

/** The document at `/openapi/v2` as one value. */
export function wholeOpenApiV2(): object {
  const parts = [...openApiV2Parts()]
  return {
    ...parts[0],
    paths: Object.assign({}, ...parts.map(({ paths }) => paths)),
    definitions: Object.assign({}, ...parts.map(({ definitions }) => definitions)),
  }
}
