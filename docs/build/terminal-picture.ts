// A picture of a terminal: text with SGR colour codes becomes an SVG.

const CHARACTER_WIDTH = 8.4
const LINE_HEIGHT = 19
const MARGIN = 18
const TITLE_HEIGHT = 30
const FOREGROUND = '#d7dae0'
const PALETTE: readonly string[] = [
  '#3f4451',
  '#e06c75',
  '#98c379',
  '#e5c07b',
  '#61afef',
  '#c678dd',
  '#56b6c2',
  '#d7dae0',
  '#6b7280',
  '#ff7a85',
  '#b1e18b',
  '#ffd68a',
  '#7cc4ff',
  '#dd8df0',
  '#6fd3de',
  '#ffffff',
]

interface Style {
  color: string
  bold: boolean
}

/** `title` stands in the bar of the window. Lines longer than `columns` go on in the next row, as in a terminal. */
export function terminalPicture(title: string, text: string, columns: number): string {
  const lines = text
    .replace(/\n$/, '')
    .split('\n')
    .flatMap((line) => rowsOf(line, columns))
  const width = Math.ceil(columns * CHARACTER_WIDTH + 2 * MARGIN)
  const height = TITLE_HEIGHT + 2 * MARGIN + lines.length * LINE_HEIGHT - 4
  const style: Style = { color: FOREGROUND, bold: false }
  const rows = lines.map((line, i) => row(line, TITLE_HEIGHT + MARGIN + 13 + i * LINE_HEIGHT, style))
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${xml(title)}">
<rect width="${width}" height="${height}" rx="8" fill="#1b1e24"/>
<rect width="${width}" height="${TITLE_HEIGHT}" rx="8" fill="#2a2e37"/>
<circle cx="20" cy="15" r="5.5" fill="#e06c75"/><circle cx="38" cy="15" r="5.5" fill="#e5c07b"/><circle cx="56" cy="15" r="5.5" fill="#98c379"/>
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14" xml:space="preserve">
<text x="${width / 2}" y="20" text-anchor="middle" fill="#9aa1ad" font-size="13">${xml(title)}</text>
${rows.join('\n')}
</g>
</svg>
`
}

/** A line in pieces of at most `columns` characters, colour codes not counted. */
function rowsOf(line: string, columns: number): string[] {
  const rows = ['']
  let column = 0
  for (const part of line.split(/(\x1b\[[\d;]*m)/)) {
    if (part.startsWith('\x1b[')) {
      rows[rows.length - 1] += part
      continue
    }
    for (const character of part) {
      if (column === columns) {
        rows.push('')
        column = 0
      }
      rows[rows.length - 1] += character
      column++
    }
  }
  return rows
}

function row(line: string, y: number, style: Style): string {
  let spans = ''
  let column = 0
  for (const part of line.split(/(\x1b\[[\d;]*m)/)) {
    if (part.startsWith('\x1b[')) apply(part.slice(2, -1), style)
    else if (part !== '') {
      spans += span(part, MARGIN + column * CHARACTER_WIDTH, style)
      column += part.length
    }
  }
  return `<text y="${y}">${spans}</text>`
}

function span(text: string, x: number, { color, bold }: Style): string {
  const length = (text.length * CHARACTER_WIDTH).toFixed(1)
  const weight = bold ? ' font-weight="bold"' : ''
  return `<tspan x="${x.toFixed(1)}" textLength="${length}" fill="${color}"${weight}>${xml(text)}</tspan>`
}

/** SGR parameters (ECMA-48 §8.3.117, and xterm's 256 colours). */
function apply(parameters: string, style: Style): void {
  const codes = parameters.split(';').map(Number)
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i]!
    if (code === 0) Object.assign(style, { color: FOREGROUND, bold: false })
    else if (code === 1) style.bold = true
    else if (code === 2 || code === 90) style.color = PALETTE[8]!
    else if (code === 22) style.bold = false
    else if (code >= 30 && code <= 37) style.color = PALETTE[code - 30]!
    else if (code >= 90 && code <= 97) style.color = PALETTE[code - 82]!
    else if (code === 39) style.color = FOREGROUND
    else if (code === 38 && codes[i + 1] === 5) {
      style.color = color256(codes[i + 2] ?? 7)
      i += 2
    }
  }
}

function color256(index: number): string {
  if (index < 16) return PALETTE[index]!
  if (index >= 232) {
    const grey = 8 + (index - 232) * 10
    return `rgb(${grey},${grey},${grey})`
  }
  const level = (n: number): number => (n === 0 ? 0 : 55 + n * 40)
  const cube = index - 16
  return `rgb(${level(Math.floor(cube / 36))},${level(Math.floor(cube / 6) % 6)},${level(cube % 6)})`
}

function xml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
