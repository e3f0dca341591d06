import { TEST_IMAGE } from '../../support/dockerd.ts'

/** Runs until it is asked to end, and then does. */
export const WAIT = 'trap "exit 0" TERM; sleep 100000 & wait'

export interface WebOptions {
  /** It ends so many seconds after it was asked to, and is out of service from the first of them. */
  readonly drainSeconds?: number
  /** How long it thinks about the answer at `/cgi-bin/slow`: the same text, later. */
  readonly thinkSeconds?: number
}

/** A web server that answers with `text`, behind a readiness probe; ends at once when asked to, unless it drains. */
export function webDeployment(
  name: string,
  text: string,
  replicas: number,
  { drainSeconds = 0, thinkSeconds = 0 }: WebOptions = {},
): string {
  const lifecycle =
    drainSeconds === 0
      ? ''
      : `          lifecycle: {preStop: {exec: {command: [sleep, '${drainSeconds}']}}}\n`
  const slow = `#!/bin/sh\\nsleep ${thinkSeconds}\\necho Content-Type: text/plain\\r\\necho \\r\\ncat /tmp/index.html\\n`
  const prepare = `mkdir /tmp/cgi-bin; printf "${slow}" >/tmp/cgi-bin/slow; chmod +x /tmp/cgi-bin/slow`
  return `apiVersion: apps/v1
kind: Deployment
metadata:
  name: ${name}
spec:
  replicas: ${replicas}
  selector:
    matchLabels: {app: ${name}}
  template:
    metadata:
      labels: {app: ${name}}
    spec:
      terminationGracePeriodSeconds: ${drainSeconds + 1}
      containers:
        - name: web
          image: ${TEST_IMAGE}
          command: [sh, -c, '${prepare}; echo "${text}" >/tmp/index.html; echo "serving ${text}"; httpd -p 8080 -h /tmp; ${WAIT}']
          readinessProbe:
            periodSeconds: 1
            httpGet: {port: 8080, path: /}
${lifecycle}`
}

/** Leads `shop.test` to the pods of a {@link webDeployment} that is called `web`. */
export const WEB_ROUTES = `apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec:
  rules:
    - host: shop.test
      http:
        paths:
          - path: /
            pathType: Prefix
            backend: {service: {name: web, port: {number: 80}}}
`

/** A Deployment whose container runs a shell script. */
export function scriptDeployment(name: string, script: string, replicas = 1): string {
  return `apiVersion: apps/v1
kind: Deployment
metadata:
  name: ${name}
spec:
  replicas: ${replicas}
  selector:
    matchLabels: {app: ${name}}
  template:
    metadata:
      labels: {app: ${name}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: main
          image: ${TEST_IMAGE}
          command: [sh, -c, ${JSON.stringify(script)}]
`
}

/** A pod; `spec` is merged over one container `main` that runs `script`. */
export function scriptPod(name: string, script: string, container: object = {}, spec: object = {}): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: name } },
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: [{ name: 'main', image: TEST_IMAGE, command: ['sh', '-c', script], ...container }],
      ...spec,
    },
  })
}
