// Bytes of the wire as text for people: UTF-8 where it is that, else latin1.

/**
 * `buf[start..end)`. `ascii` says that no byte is above 127, which is the cheap case. A character cut off at the end is
 * left out where `truncated`.
 */
export function wireText(buf: Buffer, start: number, end: number, ascii: boolean, truncated: boolean): string {
  if (ascii) return buf.toString('latin1', start, end)
  const stop = truncated ? characterEnd(buf, start, end) : end
  const text = buf.toString('utf8', start, stop)
  return text.includes('\ufffd') ? buf.toString('latin1', start, end) : text
}

/** Where the last whole character before `end` ends. */
function characterEnd(buf: Buffer, start: number, end: number): number {
  let lead = end - 1
  while (lead > start && end - lead < 4 && (buf[lead]! & 0xc0) === 0x80) lead--
  const byte = buf[lead]!
  const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1
  return lead + length > end ? lead : end
}

const NOTHING = Buffer.alloc(0)

/** The first `maximum` bytes of something that comes in pieces. Costs nothing until there are pieces. */
export class Beginning {
  readonly maximum: number
  /** Valid: `buf[0..length)`. */
  buf: Buffer
  length: number

  constructor(maximum: number) {
    this.maximum = maximum
    this.buf = NOTHING
    this.length = 0
  }

  hold(from: Buffer, start: number, end: number): void {
    if (this.buf.length === 0) this.buf = Buffer.allocUnsafeSlow(this.maximum)
    const count = Math.min(end - start, this.maximum - this.length)
    from.copy(this.buf, this.length, start, start + count)
    this.length += count
  }

  clear(): void {
    this.length = 0
  }
}
