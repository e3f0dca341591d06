import type { Node } from '../../../kube/index.ts'
import { conditionStatus } from './node-taints.ts'

/** What an event about a node says. */
export interface NodeNews {
  readonly reason: string
  readonly message: string
}

/**
 * What a new state of a node brings that `kubectl describe node` tells of, in the words of kubelet and node controller (kubernetes
 * `pkg/kubelet/kubelet_node_status.go`, `pkg/controller/nodelifecycle`): that it is known, that it is gone, and changes of its readiness and of
 * whether it takes pods. `previous` is undefined of a node that was not known, `node` of one that is gone. A node that is given up for
 * its silence is told of where that happens.
 */
export function nodeNews(previous: Node | undefined, node: Node | undefined): readonly NodeNews[] {
  const name = (node ?? previous)?.metadata.name ?? ''
  if (node === undefined)
    return [{ reason: 'RemovingNode', message: `Node ${name} event: Removing Node ${name} from Controller` }]
  if (previous === undefined)
    return [
      { reason: 'RegisteredNode', message: `Node ${name} event: Registered Node ${name} in Controller` },
    ]
  const news: string[] = []
  const [before, now] = [conditionStatus(previous, 'Ready'), conditionStatus(node, 'Ready')]
  if (now === 'True' && before !== 'True') news.push('NodeReady')
  if (now === 'False' && before === 'True') news.push('NodeNotReady')
  const isCordoned = node.spec?.unschedulable === true
  if (isCordoned !== (previous.spec?.unschedulable === true))
    news.push(isCordoned ? 'NodeNotSchedulable' : 'NodeSchedulable')
  return news.map(reason => ({ reason, message: `Node ${name} status is now: ${reason}` }))
}
