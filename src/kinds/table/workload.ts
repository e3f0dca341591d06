import type { PodSpec } from '../../kube/generated/types.ts'
import { formatLabelSelector, labelSelectorFromObject } from '../../kube/index.ts'
import { type TableColumn, textColumn, wide } from './columns.ts'

/** The columns that `-o wide` adds for everything with a pod template. */
export const templateColumns: readonly TableColumn[] = [
  wide(textColumn('Containers', 'Names of the containers of the template.')),
  wide(textColumn('Images', 'Images of the containers of the template.')),
  wide(textColumn('Selector', 'Label selector of the pods.')),
]

/** The cells of {@link templateColumns}. */
export function templateCells(
  spec: PodSpec | undefined,
  selector: Parameters<typeof labelSelectorFromObject>[0],
): readonly string[] {
  const containers = spec?.containers ?? []
  return [
    containers.map(({ name }) => name).join(','),
    containers.map(({ image }) => image ?? '').join(','),
    formatLabelSelector(labelSelectorFromObject(selector)) || '<none>',
  ]
}
