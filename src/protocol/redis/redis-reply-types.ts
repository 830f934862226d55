// The first bytes of Redis' replies, RESP2 and RESP3.

export const REPLY_SIMPLE = 0x2b
export const REPLY_ERROR = 0x2d
export const REPLY_INTEGER = 0x3a
export const REPLY_BULK = 0x24
export const REPLY_ARRAY = 0x2a
export const REPLY_PUSH = 0x3e
export const NULL = 0x5f
export const BOOLEAN = 0x23
export const DOUBLE = 0x2c
export const BIG_NUMBER = 0x28
export const BLOB_ERROR = 0x21
export const VERBATIM = 0x3d
export const MAP = 0x25
export const SET = 0x7e
export const ATTRIBUTE = 0x7c
/** A piece of a streamed string, and the end of a streamed aggregate. */
export const PIECE = 0x3b
export const END_OF_STREAM = 0x2e

/** Lines that are not a number: their text is skipped. */
export function isTextLine(type: number): boolean {
  return type === REPLY_SIMPLE || type === REPLY_ERROR || type === DOUBLE || type === BIG_NUMBER
}

const TYPE_BYTES = new Uint8Array(256)
for (const byte of [REPLY_SIMPLE, REPLY_ERROR, REPLY_INTEGER, REPLY_BULK, REPLY_ARRAY, REPLY_PUSH, NULL, BOOLEAN]) {
  TYPE_BYTES[byte] = 1
}
for (const byte of [DOUBLE, BIG_NUMBER, BLOB_ERROR, VERBATIM, MAP, SET, ATTRIBUTE, PIECE, END_OF_STREAM]) {
  TYPE_BYTES[byte] = 1
}

export function isTypeByte(byte: number): boolean {
  return TYPE_BYTES[byte] === 1
}
