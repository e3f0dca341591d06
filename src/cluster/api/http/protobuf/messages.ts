import { FIELD_TABLE } from './field-table.ts'

/** How a field is written in JSON: a message by its name, or what the name of a scalar says. */
export interface Field {
  /** Its name in JSON; empty where the fields of the message stand in its place. */
  readonly name: string
  readonly type: string
  readonly shape: 'list' | 'map' | 'single'
  /** A zero on the wire is no value: the type in which Go keeps the field cannot be empty. */
  readonly dropsZero: boolean
}

/** The fields of a message by number. */
export type Message = ReadonlyMap<number, Field>

/**
 * Messages of groups that kubectl does not carry (kube-aggregator `pkg/apis/apiregistration/v1/generated.proto`), in the form of
 * {@link FIELD_TABLE}.
 */
const OTHER_MESSAGES = `
apiregistration.v1.APIService 1:metadata:meta.v1.ObjectMeta 2:spec:apiregistration.v1.APIServiceSpec 3:status:apiregistration.v1.APIServiceStatus
apiregistration.v1.APIServiceCondition 1:type:!string 2:status:!string 3:lastTransitionTime:time 4:reason:string 5:message:string
apiregistration.v1.APIServiceSpec 1:service:?apiregistration.v1.ServiceReference 2:group:string 3:version:string 4:insecureSkipTLSVerify:bool 5:caBundle:bytes 7:groupPriorityMinimum:!int 8:versionPriority:!int
apiregistration.v1.APIServiceStatus 1:conditions:*apiregistration.v1.APIServiceCondition
apiregistration.v1.ServiceReference 1:namespace:string 2:name:string 3:port:?int
`

let lines: ReadonlyMap<string, string> | undefined
const messages = new Map<string, Message>()

/** The message of this name, such as `core.v1.Pod`; undefined when there is none. */
export function findMessage(name: string): Message | undefined {
  const known = messages.get(name)
  if (known !== undefined) return known
  lines ??= new Map(
    `${FIELD_TABLE}${OTHER_MESSAGES}`.split('\n').map(line => {
      const end = line.indexOf(' ')
      return [line.slice(0, Math.max(0, end)), line.slice(end + 1)] as const
    }),
  )
  const line = lines.get(name)
  if (line === undefined || name === '') return undefined
  const message = new Map(line.split(' ').map(readField))
  messages.set(name, message)
  return message
}

/** The message of a kind: `v1`, `Pod` → `core.v1.Pod`. Packages are named for the first part of the group. */
export function messageOfKind(apiVersion: string, kind: string): Message | undefined {
  // Every group takes the options of a deletion in its own name.
  if (kind === 'DeleteOptions') return findMessage('meta.v1.DeleteOptions')
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/', 2) : ['core', apiVersion]
  return findMessage(`${group?.split('.', 1)[0]}.${version}.${kind}`)
}

function readField(text: string): readonly [number, Field] {
  const [number = '', name = '', written = ''] = text.split(':')
  const [, mark = '', type = ''] = /^([*%?!]*)(.+)$/.exec(written) ?? []
  return [
    Number(number),
    {
      name,
      type,
      shape: mark.includes('*') ? 'list' : mark.includes('%') ? 'map' : 'single',
      dropsZero: mark === '',
    },
  ]
}
