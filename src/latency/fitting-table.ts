// A table that fits the terminal's width; its first column is a name. When there is no room, columns are left out, the least
// needed first; then names are cut.

const GAP = '  '
const LEAST_NAME_WIDTH = 8
/** So many characters of a name get room before columns do, and of names with several parts. */
const USEFUL_NAME_WIDTH = 12
const USEFUL_NAMES_WIDTH = 24
const MOST_NAME_WIDTH = 48

export interface Column<Row> {
  readonly title: string
  readonly cell: (row: Row) => string
  /** Columns with the highest number are left out first; those with 0 stay. */
  readonly expendable: number
}

export interface FittingTable<Row> {
  /** Head of the first column: what the names are. With a blank in it, names have several parts. */
  readonly title: string
  readonly names: readonly string[]
  readonly rows: readonly Row[]
  readonly columns: readonly Column<Row>[]
  /** Most characters of a line. */
  readonly width: number
  /** False: names are cut with an ASCII character. */
  readonly unicode: boolean
}

/** The head, then a line for each row. Cells that begin with a bar are drawings, aligned to the left. */
export function fittingLines<Row>({ title, names, rows, columns, width, unicode }: FittingTable<Row>): string[] {
  const longest = Math.max(title.length, ...names.map((name) => name.length))
  const severalParts = title.includes(' ')
  const least = Math.max(LEAST_NAME_WIDTH, Math.min(longest, severalParts ? USEFUL_NAMES_WIDTH : USEFUL_NAME_WIDTH))
  const kept = fitting(columns, rows, width - least)
  const used = kept.reduce((sum, column) => sum + widthOf(column, rows) + GAP.length, 0)
  const nameWidth = Math.max(least, Math.min(longest, MOST_NAME_WIDTH, width - used))
  const line = (name: string, cells: readonly string[]): string => {
    const shown = severalParts ? cutInTheMiddle(name, nameWidth, unicode) : cut(name, nameWidth, unicode)
    return cut([shown.padEnd(nameWidth), ...cells].join(GAP).trimEnd(), width, unicode)
  }
  return [
    line(
      title,
      kept.map((column) => padded(column, column.title, rows)),
    ),
    ...rows.map((row, i) =>
      line(
        names[i]!,
        kept.map((column) => padded(column, column.cell(row), rows)),
      ),
    ),
  ]
}

/** The columns for which there is room. */
function fitting<Row>(columns: readonly Column<Row>[], rows: readonly Row[], width: number): Column<Row>[] {
  const kept = [...columns]
  const used = (): number => kept.reduce((sum, column) => sum + widthOf(column, rows) + GAP.length, 0)
  while (used() > width) {
    const most = Math.max(...kept.map(({ expendable }) => expendable))
    if (most === 0) break
    kept.splice(
      kept.findLastIndex(({ expendable }) => expendable === most),
      1,
    )
  }
  return kept
}

function widthOf<Row>(column: Column<Row>, rows: readonly Row[]): number {
  return Math.max(column.title.length, ...rows.map((row) => column.cell(row).length))
}

function padded<Row>(column: Column<Row>, text: string, rows: readonly Row[]): string {
  const width = widthOf(column, rows)
  return text.startsWith('|') ? text.padEnd(width) : text.padStart(width)
}

/** A name of several parts is cut in its middle: both ends tell more than the beginning alone. */
function cutInTheMiddle(text: string, width: number, unicode: boolean): string {
  if (text.length <= width) return text
  const ending = Math.floor((width - 1) / 2)
  return `${text.slice(0, width - 1 - ending)}${unicode ? '…' : '~'}${text.slice(text.length - ending)}`
}

function cut(text: string, width: number, unicode: boolean): string {
  if (text.length <= width) return text
  return unicode ? `${text.slice(0, width - 1)}…` : `${text.slice(0, width - 1)}~`
}
