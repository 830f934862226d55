// Columns of text that fit a width: long columns that matter least are cut first.

const GAP = 2
const ELLIPSIS = '…'
const LEAST_COLUMN_WIDTH = 6

/** A column that may be cut, and how many characters must stay. */
export interface Shrinkable {
  readonly column: number
  /** Characters that stay; six when left out. */
  readonly least?: number
}

export interface Table {
  readonly lines: readonly string[]
  /** Of each column, without the gap behind it. */
  readonly widths: readonly number[]
}

/** Lines of at most `width` characters. Columns are cut in the order of `shrinkable`; if that is not enough, lines are cut off at their end. */
export function formatTable(
  rows: readonly (readonly string[])[],
  width: number,
  shrinkable: readonly Shrinkable[],
): Table {
  const widths = (rows[0] ?? []).map((_, column) => rows.reduce((most, row) => Math.max(most, row[column]!.length), 0))
  const total = (): number => widths.reduce((sum, each) => sum + each + GAP, -GAP)
  for (const { column, least = LEAST_COLUMN_WIDTH } of shrinkable) {
    const excess = total() - width
    if (excess > 0) widths[column] = Math.max(Math.min(least, widths[column]!), widths[column]! - excess)
  }
  const lines = rows.map((row) => {
    const line = row.map((cell, column) => cut(cell, widths[column]!).padEnd(widths[column]! + GAP)).join('')
    return cut(line.trimEnd(), width)
  })
  return { lines, widths }
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}${ELLIPSIS}`
}
