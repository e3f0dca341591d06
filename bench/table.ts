import { type Aim, isMet, type Line, type Unit } from './measurement.ts'

const HEADER = ['', 'bowline', 'reference', 'ratio', 'aim', 'verdict'] as const

/** Columns that are read from their right end. */
const RIGHT: ReadonlySet<number> = new Set([1, 3])

/** Lines as a table, one row each. */
export function formatTable(lines: readonly Line[]): string {
  const rows: readonly (readonly string[])[] = [HEADER, ...lines.map(cells)]
  const widths = HEADER.map((_, column) => Math.max(...rows.map(row => (row[column] ?? '').length)))
  return rows
    .map(row =>
      row
        .map((cell, column) =>
          RIGHT.has(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function cells(line: Line): readonly string[] {
  const { what, unit, ours, reference, aim } = line
  return [
    what,
    quantity(ours, unit),
    `${quantity(reference.value, unit)} ${reference.what}`,
    `${(ours / reference.value).toFixed(2)} ×`,
    aim === undefined ? '' : aimText(aim, unit),
    verdict(line),
  ]
}

function verdict(line: Line): string {
  const met = isMet(line)
  return met === undefined ? '' : met ? 'met' : 'MISSED'
}

function aimText(aim: Aim, unit: Unit): string {
  if ('leastRatio' in aim) return `≥ ${aim.leastRatio} ×`
  return 'ratio' in aim ? `≤ ${aim.ratio} ×` : `≤ ${aim.value} ${unit}`
}

/** Three digits say what such measurements can. */
function quantity(value: number, unit: Unit): string {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2
  return `${value.toFixed(digits)} ${unit}`
}
