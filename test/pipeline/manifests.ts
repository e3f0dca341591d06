/** Manifests as a person would write them, for tests of the whole path. */

export function deployment(
  name: string,
  options: {
    readonly image?: string
    readonly replicas?: number
    readonly label?: string
    readonly more?: string
  } = {},
): string {
  const { image = 'shop:1', replicas = 1, label = name, more = '' } = options
  return `apiVersion: apps/v1
kind: Deployment
metadata:
  name: ${name}
spec:
  replicas: ${replicas}
  selector:
    matchLabels: { app: ${label} }
  template:
    metadata:
      labels: { app: ${label} }
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: web
          image: ${image}
${more}`
}

export function configMap(name: string, value = 'one', namespace?: string): string {
  const place = namespace === undefined ? '' : `\n  namespace: ${namespace}`
  return `apiVersion: v1
kind: ConfigMap
metadata:
  name: ${name}${place}
data:
  key: ${value}
`
}

export function configMaps(count: number, value = 'one'): string {
  return Array.from({ length: count }, (_, index) => configMap(`config-${index + 1}`, value)).join('---\n')
}

export function secret(name: string, value: string): string {
  return `apiVersion: v1
kind: Secret
metadata:
  name: ${name}
stringData:
  password: ${value}
`
}
