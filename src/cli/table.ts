// Columns of text that fit a width: what is longest and least needed is cut.

const GAP = 2
const ELLIPSIS = '…'
const LEAST_COLUMN_WIDTH = 6

/**
 * Lines of at most `width` characters. Columns are cut in the order of `shrinkable` (their numbers), each down to six
 * characters; if that is not enough, lines are cut off at their end.
 */
export function formatTable(
  rows: readonly (readonly string[])[],
  width: number,
  shrinkable: readonly number[],
): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  const total = (): number => widths.reduce((sum, each) => sum + each + GAP, -GAP)
  for (const column of shrinkable) {
    const excess = total() - width
    if (excess > 0) widths[column] = Math.max(Math.min(LEAST_COLUMN_WIDTH, widths[column]!), widths[column]! - excess)
  }
  return rows.map((row) => {
    const line = row.map((cell, column) => cut(cell, widths[column]!).padEnd(widths[column]! + GAP)).join('')
    return cut(line.trimEnd(), width)
  })
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}${ELLIPSIS}`
}
