// What SMTP, IMAP and POP3 have in common: a line asks for TLS, a line answers, and both sides go on in TLS.

import type { UpgradeReader, UpgradeState } from './upgrade.ts'

const LONGEST_LINE = 512
/** A mail session that has not asked by then will not. */
const MAXIMUM_LINES = 200

const LF = 10

export interface LineRules {
  /** What the line asks for: an id by which the answer is known, undefined: something else. */
  asks(line: string): string | undefined
  /** undefined: not the answer, or not its last line. */
  answers(line: string, id: string): 'yes' | 'no' | undefined
}

export class LineUpgrade implements UpgradeReader {
  state: UpgradeState = 'waiting'
  refusal = ''
  readonly #rules: LineRules
  readonly #partial: [string, string] = ['', '']
  #id: string | undefined = undefined
  #lines = 0

  constructor(rules: LineRules) {
    this.#rules = rules
  }

  read(byServer: boolean, buf: Buffer, start: number, end: number): number {
    const side = byServer ? 1 : 0
    let pos = start
    while (pos < end && this.state === 'waiting') {
      const found = buf.indexOf(LF, pos)
      const stop = found < 0 || found >= end ? end : found + 1
      const room = LONGEST_LINE - this.#partial[side].length
      this.#partial[side] += buf.toString('latin1', pos, Math.min(stop, pos + room))
      pos = stop
      if (buf[stop - 1] === LF) this.#line(byServer, side)
    }
    return this.state === 'begun' ? pos : end
  }

  #line(byServer: boolean, side: 0 | 1): void {
    const line = this.#partial[side].trimEnd()
    this.#partial[side] = ''
    if (++this.#lines > MAXIMUM_LINES) {
      this.state = 'over'
    } else if (!byServer) {
      this.#id = this.#rules.asks(line) ?? this.#id
    } else if (this.#id !== undefined) {
      const answer = this.#rules.answers(line, this.#id)
      if (answer === undefined) return
      this.state = answer === 'yes' ? 'begun' : 'refused'
      this.refusal = answer === 'yes' ? '' : line
    }
  }
}
