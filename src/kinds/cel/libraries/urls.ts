import { GoUrl } from './go-url.ts'
import { type Definitions, defineOpaque } from './library.ts'

const URL = 'kubernetes.URL'

/** URLs (apiserver `pkg/cel/library/urls.go`). */
export function defineUrls(definitions: Definitions): void {
  const { define } = definitions
  defineOpaque(definitions, URL, GoUrl)
  define('isURL(string): bool', (text: string) => urlProblem(text) === undefined)
  define(`url(string): ${URL}`, (text: string) => {
    const problem = urlProblem(text)
    if (problem !== undefined)
      throw new RangeError(`URL parse error during conversion from string: ${problem}`)
    return GoUrl.parse(text)
  })
  define(`${URL}.getScheme(): string`, ({ scheme }: GoUrl) => scheme)
  define(`${URL}.getHost(): string`, ({ host }: GoUrl) => host)
  define(`${URL}.getHostname(): string`, ({ hostname }: GoUrl) => hostname)
  define(`${URL}.getPort(): string`, ({ port }: GoUrl) => port)
  define(`${URL}.getEscapedPath(): string`, ({ escapedPath }: GoUrl) => escapedPath)
  define(`${URL}.getQuery(): map<string, list<string>>`, ({ query }: GoUrl) => query)
}

/** Why a text is no absolute URI and no absolute path, in Go's words; undefined when it is one. */
export function urlProblem(text: string): string | undefined {
  try {
    GoUrl.parse(text)
    return undefined
  } catch (error) {
    if (error instanceof RangeError) return error.message
    throw error
  }
}
