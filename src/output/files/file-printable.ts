// `-s`: what cannot be printed becomes a dot, byte for byte, so that offsets stay as they are. CR, LF and TAB stay.

const DOT = 0x2e
const SHOWN_AS = Uint8Array.from({ length: 256 }, (_, byte) =>
  (byte >= 0x20 && byte < 0x7f) || byte === 0x09 || byte === 0x0a || byte === 0x0d ? byte : DOT,
)

/** Puts the printable form of `buf[start..end)` at the beginning of `into`, which must be large enough. */
export function printableInto(into: Buffer, buf: Buffer, start: number, end: number): void {
  for (let i = start; i < end; i++) into[i - start] = SHOWN_AS[buf[i]!]!
}
