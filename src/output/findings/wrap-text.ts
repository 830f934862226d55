// Lines that fit a width, of text from anywhere.

/** As columns of a terminal are filled by it: two for what East Asian scripts are written with (Unicode UAX 11). */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u
/** A line has room for so much behind its indent, however narrow the terminal. */
const LEAST_ROOM = 20

/**
 * Lines of at most `width` columns. Blanks at the beginning stay; it is broken at blanks, or within a word that is longer than
 * a line. Lines after the first begin with `indent`.
 */
export function wrapText(text: string, width: number, indent: string): string[] {
  const most = Math.max(width, indent.length + LEAST_ROOM)
  const lines: string[] = []
  let line = /^ */.exec(text)![0]
  let used = line.length
  let empty = true
  for (const part of text.slice(line.length).split(/(?<= )(?=[^ ])/)) {
    const word = part.trimEnd()
    const wordWidth = widthOf(word)
    if (!empty && used + wordWidth > most) {
      lines.push(line.trimEnd())
      line = indent
      used = indent.length
      empty = true
    }
    if (wordWidth > most - used) {
      for (const character of word) {
        const columns = widthOf(character)
        if (used + columns > most) {
          lines.push(line)
          line = indent
          used = indent.length
        }
        line += character
        used += columns
      }
      line += part.slice(word.length)
      used += part.length - word.length
    } else {
      line += part
      used += wordWidth + part.length - word.length
    }
    empty = false
  }
  lines.push(line.trimEnd())
  return lines
}

function widthOf(text: string): number {
  let columns = 0
  for (const character of text) columns += WIDE.test(character) ? 2 : 1
  return columns
}
