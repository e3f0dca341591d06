/** The tag of an image reference; `latest` where it has neither tag nor digest, empty where it has only a digest. */
export function imageTag(image: string): string {
  const at = image.indexOf('@')
  const name = at === -1 ? image : image.slice(0, at)
  // A colon before the last slash belongs to the registry's port.
  const colon = name.indexOf(':', name.lastIndexOf('/') + 1)
  if (colon !== -1) return name.slice(colon + 1)
  return at === -1 ? 'latest' : ''
}
