// What pairing needs of a DNS message: header and question (RFC 1035 §4.1), and the upper bits of the response code, which
// EDNS has at the end (RFC 6891 §6.1.3).

import { RECOGNISED_CLIENT, RECOGNISED_MAYBE, RECOGNISED_NO, RECOGNISED_SERVER } from '../exchange-parser.ts'
import { domainName, isKnownType, typeName } from './dns-names.ts'

export const HEADER_BYTES = 12
const MAXIMUM_NAME_BYTES = 255
/** Header and longest question: with so much of a message everything here can be told but its EDNS. */
export const MAXIMUM_QUESTION_END = HEADER_BYTES + MAXIMUM_NAME_BYTES + 4

/** Owner name of at least a byte, type, class, time to live, length. */
const SMALLEST_RECORD_BYTES = 11
const TYPE_OPT = 41
const OPCODE_QUERY = 0
const OPCODE_NOTIFY = 4
const OPCODE_UPDATE = 5

/** One message. Reused: valid until the next `read`; positions are those of the buffer it was read from. */
export class DnsMessage {
  id = 0
  isResponse = false
  opcode = 0
  truncated = false
  /** EDNS included, where the message is whole. */
  responseCode = 0
  /** The first question; false when there is none. */
  hasQuestion = false
  nameStart = 0
  nameEnd = 0
  type = 0
  class = 0

  /**
   * Reads the message that begins at `start` and of which the bytes up to `end` are there. False when it is none: cut off
   * within the question, or malformed in it.
   */
  read(buf: Buffer, start: number, end: number): boolean {
    if (end - start < HEADER_BYTES) return false
    const flags = (buf[start + 2]! << 8) | buf[start + 3]!
    this.id = (buf[start]! << 8) | buf[start + 1]!
    this.isResponse = (flags & 0x8000) !== 0
    this.opcode = (flags >> 11) & 15
    this.truncated = (flags & 0x0200) !== 0
    this.responseCode = flags & 15
    const questions = shortAt(buf, start + 4)
    this.hasQuestion = questions > 0
    if (!this.hasQuestion) return this.isResponse
    this.nameStart = start + HEADER_BYTES
    this.nameEnd = endOfLabels(buf, this.nameStart, end)
    if (this.nameEnd <= 0 || this.nameEnd + 4 > end) return false
    this.type = shortAt(buf, this.nameEnd)
    this.class = shortAt(buf, this.nameEnd + 2)
    if (this.isResponse && questions === 1) this.#readExtendedCode(buf, start, end)
    return true
  }

  /** `A`, `UPDATE`. */
  get command(): string {
    return commandOf(this.opcode, this.type)
  }

  nameIn(buf: Buffer): string {
    return domainName(buf, this.nameStart, this.nameEnd)
  }

  #readExtendedCode(buf: Buffer, start: number, end: number): void {
    const others = shortAt(buf, start + 6) + shortAt(buf, start + 8)
    const additional = shortAt(buf, start + 10)
    if (additional === 0) return
    let pos = this.nameEnd + 4
    for (let i = 0; i < others + additional; i++) {
      const name = pos
      while (pos < end && buf[pos] !== 0 && buf[pos]! < 0xc0) pos += buf[pos]! + 1
      pos += buf[pos] === 0 ? 1 : 2
      if (pos + 10 > end) return
      if (i >= others && buf[name] === 0 && shortAt(buf, pos) === TYPE_OPT) {
        this.responseCode |= buf[pos + 4]! << 4
        return
      }
      pos += 10 + shortAt(buf, pos + 8)
    }
  }
}

export function commandOf(opcode: number, type: number): string {
  if (opcode === OPCODE_QUERY) return typeName(type)
  if (opcode === OPCODE_NOTIFY) return 'NOTIFY'
  return opcode === OPCODE_UPDATE ? 'UPDATE' : `OPCODE${opcode}`
}

function shortAt(buf: Buffer, pos: number): number {
  return (buf[pos]! << 8) | buf[pos + 1]!
}

/** Index behind the root's label; 0 when the name is cut off by `end`, -1 when it is none (or compressed: a first one is not). */
function endOfLabels(buf: Buffer, start: number, end: number): number {
  let pos = start
  while (pos < end) {
    const length = buf[pos]!
    if (length === 0) return pos + 1
    if (length > 63) return -1
    pos += length + 1
    if (pos - start >= MAXIMUM_NAME_BYTES) return -1
  }
  return 0
}

/**
 * Is this a DNS message, judged with mistrust: one common question, a name in printable ASCII, counts that fit? `length`
 * is the message's, `buf[start..end)` what is there of it. A RECOGNISED_ value.
 */
export function recogniseMessage(buf: Buffer, start: number, end: number, length: number): number {
  if (length < HEADER_BYTES + 5) return RECOGNISED_NO
  if (end - start < HEADER_BYTES) return RECOGNISED_MAYBE
  const flags = shortAt(buf, start + 2)
  const opcode = (flags >> 11) & 15
  const isResponse = (flags & 0x8000) !== 0
  if (opcode !== OPCODE_QUERY && opcode !== OPCODE_NOTIFY && opcode !== OPCODE_UPDATE) return RECOGNISED_NO
  if ((flags & 0x0040) !== 0 || shortAt(buf, start + 4) !== 1) return RECOGNISED_NO
  const answers = shortAt(buf, start + 6)
  const others = shortAt(buf, start + 8) + shortAt(buf, start + 10)
  // authoritative, truncated, recursion available and a code are a response's
  if (!isResponse && opcode === OPCODE_QUERY && ((flags & 0x068f) !== 0 || answers > 0 || others > 3)) {
    return RECOGNISED_NO
  }
  const nameStart = start + HEADER_BYTES
  const nameEnd = endOfLabels(buf, nameStart, end)
  if (nameEnd < 0 || !isPrintableName(buf, nameStart, Math.min(end, nameEnd > 0 ? nameEnd : end))) return RECOGNISED_NO
  if (nameEnd === 0 || nameEnd + 4 > end) return RECOGNISED_MAYBE
  const queryClass = shortAt(buf, nameEnd + 2)
  if (!isKnownType(shortAt(buf, nameEnd)) || !(queryClass === 1 || queryClass === 3 || queryClass > 253)) {
    return RECOGNISED_NO
  }
  if (queryClass > 255) return RECOGNISED_NO
  const rest = length - (nameEnd + 4 - start)
  const fits = answers + others === 0 ? rest === 0 : rest >= (answers + others) * SMALLEST_RECORD_BYTES
  if (!fits) return RECOGNISED_NO
  return isResponse ? RECOGNISED_SERVER : RECOGNISED_CLIENT
}

/** The labels of `buf[start..end)`, the last of which may be cut off. */
function isPrintableName(buf: Buffer, start: number, end: number): boolean {
  for (let pos = start; pos < end; pos += buf[pos]! + 1) {
    const labelEnd = Math.min(end, pos + 1 + buf[pos]!)
    for (let i = pos + 1; i < labelEnd; i++) if (buf[i]! <= 0x20 || buf[i]! >= 0x7f) return false
  }
  return true
}
