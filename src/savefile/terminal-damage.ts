// A capture that came through a terminal (`ssh -t host tcpdump -w -`): with ONLCR, termios(3), each LF became CR LF.

const LF = 0x0a
const CR = 0x0d
/** Enough to be sure, and quick to check. */
const MAXIMUM_BYTES = 1 << 20

/** A pcapng file begins with 0a 0d 0d 0a, so that changed line ends are noticed at once. */
export const PCAPNG_THROUGH_TERMINAL = '\r\n\r\r\r\n'
export const THROUGH_TERMINAL = 'it went through a terminal, which put a CR before each LF'
export const THROUGH_TERMINAL_HINT =
  'let ssh and docker run without -t, or write the capture to a file there and copy it'

/**
 * Whether a savefile with an impossible record at `at` has a CR before each LF, and LFs at all. What follows the record
 * counts first: what is left in the buffer from before it may be older.
 */
export function wentThroughTerminal(buf: Buffer, at: number, end: number): boolean {
  const behind = lineEnds(buf, at, Math.min(end, at + MAXIMUM_BYTES))
  if (behind !== 0) return behind > 0
  return lineEnds(buf, Math.max(0, at - MAXIMUM_BYTES), at) > 0
}

/** How many LFs there are; -1 when one of them has no CR before it. */
function lineEnds(buf: Buffer, start: number, end: number): number {
  let found = 0
  for (let at = buf.indexOf(LF, start); at >= 0 && at < end; at = buf.indexOf(LF, at + 1)) {
    // what is before the first byte is unknown
    if (at === start) continue
    if (buf[at - 1] !== CR) return -1
    found++
  }
  return found
}
