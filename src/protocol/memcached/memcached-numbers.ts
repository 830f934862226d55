// Numbers in memcached's lines, read as the server reads them: with C's strtol and strtoul, and kept in 32 bits.

const MINUS = 0x2d
const PLUS = 0x2b
/** More digits than this do not fit 64 bits. */
const MOST_DIGITS = 19
/** The server adds the two bytes of the line end. */
const MAXIMUM_LENGTH = 2 ** 31 - 3

/** Words that are no number, or none that the server takes as a length. */
export const NO_LENGTH = -1

/** How many bytes of data are announced; NO_LENGTH where the server refuses it, and takes what follows for a command. */
export function dataLengthOf(buf: Buffer, start: number, end: number): number {
  if (!isNumber(buf, start, end)) return NO_LENGTH
  const length = Number(buf.toString('latin1', start, end)) | 0
  return length < 0 || length > MAXIMUM_LENGTH ? NO_LENGTH : length
}

/** Whether it is a number with or without a sign, of 64 bits at most. */
export function isNumber(buf: Buffer, start: number, end: number): boolean {
  return isUnsigned(buf, start + (start < end && buf[start] === MINUS ? 1 : 0), end)
}

/** Whether it is a number without a minus, of 64 bits at most. */
export function isUnsigned(buf: Buffer, start: number, end: number): boolean {
  const first = start < end && buf[start] === PLUS ? start + 1 : start
  if (first === end || end - first > MOST_DIGITS) return false
  for (let i = first; i < end; i++) if (buf[i]! < 0x30 || buf[i]! > 0x39) return false
  return true
}
