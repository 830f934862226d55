// Finds the blank line that ends a head or trailers, in bytes that come in pieces.

const LF = 10
const CR = 13

export class BlankLineFinder {
  /** Of the line that is not complete yet: its bytes so far, and whether they are just a CR. */
  #bytes: number
  #isCr: boolean

  constructor() {
    this.#bytes = 0
    this.#isCr = false
  }

  /** `buf[start..end)` are the lines so far, none of them blank; the last one may be incomplete. */
  begin(buf: Buffer, start: number, end: number): void {
    let line = end
    while (line > start && buf[line - 1] !== LF) line--
    this.#bytes = end - line
    this.#isCr = end - line === 1 && buf[line] === CR
  }

  /** Index behind the blank line, or 0 when it does not end before `end`. */
  findBlank(buf: Buffer, start: number, end: number): number {
    let line = start
    for (let i = start; i < end; i++) {
      if (buf[i] !== LF) continue
      const bytes = i - line + this.#bytes
      if (bytes === 0 || (bytes === 1 && (i > line ? buf[line] === CR : this.#isCr))) return i + 1
      this.#bytes = 0
      line = i + 1
    }
    if (line < end) {
      this.#isCr = this.#bytes === 0 && end - line === 1 && buf[line] === CR
      this.#bytes += end - line
    }
    return 0
  }
}
