// Numbers in memcached's lines, read as the server reads them: with C's strtol and strtoul, of 64 bits, and lengths then
// kept in 32 bits (its safe_strtol and safe_strtoul).

import { AS_C, LineNumber } from '../line-number.ts'

const LARGEST_LONG = 2 ** 63
/** The server adds the two bytes of the line end. */
const MAXIMUM_LENGTH = 2 ** 31 - 3

/** Words that are no number, or none that the server takes as a length. */
export const NO_LENGTH = -1

/** One for all: a word is read in one go. */
const number = new LineNumber()

/** How many bytes of data are announced; NO_LENGTH where the server refuses it, and takes what follows for a command. */
export function dataLengthOf(buf: Buffer, start: number, end: number): number {
  if (!isNumber(buf, start, end)) return NO_LENGTH
  const length = number.value | 0
  return length < 0 || length > MAXIMUM_LENGTH ? NO_LENGTH : length
}

/** Whether it is a number with or without a sign, of 64 bits at most. */
export function isNumber(buf: Buffer, start: number, end: number): boolean {
  return isDecimal(buf, start, end) && number.magnitude <= LARGEST_LONG
}

/** Whether strtoul takes it. One with a minus wraps, and is refused where that makes it negative as a signed one. */
export function isUnsigned(buf: Buffer, start: number, end: number): boolean {
  if (!isDecimal(buf, start, end)) return false
  return !number.negative || number.magnitude === 0 || number.magnitude > LARGEST_LONG
}

function isDecimal(buf: Buffer, start: number, end: number): boolean {
  number.begin(AS_C)
  return number.read(buf, start, end) === end && number.sound
}
