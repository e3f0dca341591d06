import type { LabelSelector as LabelSelectorObject } from '../../kube/generated/types.ts'
import { labelKeyProblems, labelValueProblems } from '../../kube/index.ts'
import type { Draft } from '../definitions/definition.ts'
import type { Problems } from './problems.ts'

/** Labels: keys are qualified names, values at most 63 plain characters. */
export function validateLabels(
  labels: { readonly [key: string]: string | undefined } | undefined,
  path: string,
  problems: Problems,
): void {
  for (const [key, value = ''] of Object.entries(labels ?? {})) {
    problems.invalidEach(path, key, labelKeyProblems(key))
    problems.invalidEach(path, value, labelValueProblems(value))
  }
}

/** `metav1.LabelSelector`: matchLabels like labels, and expressions whose operator decides how many values they have. */
export function validateLabelSelector(
  selector: Draft<LabelSelectorObject> | undefined,
  path: string,
  problems: Problems,
): void {
  validateLabels(selector?.matchLabels, `${path}.matchLabels`, problems)
  selector?.matchExpressions?.forEach(({ key = '', operator = '', values = [] }, index) => {
    const at = `${path}.matchExpressions[${index}]`
    if (operator === 'In' || operator === 'NotIn') {
      if (values.length === 0)
        problems.required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'")
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      if (values.length > 0)
        problems.forbidden(
          `${at}.values`,
          "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
        )
    } else {
      problems.invalid(`${at}.operator`, operator, 'not a valid selector operator')
    }
    problems.invalidEach(`${at}.key`, key, labelKeyProblems(key))
    values.forEach((value, number) => {
      problems.invalidEach(`${at}.values[${number}]`, value, labelValueProblems(value))
    })
  })
}
