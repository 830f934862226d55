// The interface between what finds bodies of messages (transform/) and what keeps them (output/).

import type { Connection, Direction } from './connection.ts'
import type { Timestamp } from './timestamp.ts'

/**
 * Bodies of messages, without their framing and decompressed, one after the other in each direction: onBodyStart, then
 * any number of onBodyData, onBodyGap and onBodyLateData, then onBodyEnd. A message without body bytes is not told. Buffers are lent.
 */
export interface BodyConsumer {
  /** `contentType` is the media type in lower case without parameters, as the peer says; '' when it does not. */
  onBodyStart(c: Connection, d: Direction, contentType: string, t: Timestamp): void
  onBodyData(c: Connection, d: Direction, buf: Buffer, start: number, end: number, t: Timestamp): void
  /** `missing` bytes of the body are not in the capture; it goes on after them. */
  onBodyGap(c: Connection, d: Direction, missing: number, t: Timestamp): void
  /** Bytes of an earlier gap came after all: they belong at `position`, counted from the body's beginning. */
  onBodyLateData(c: Connection, d: Direction, position: number, buf: Buffer, start: number, end: number): void
  /** `whole` is false when the body was cut short, damaged, or has gaps that nothing filled. */
  onBodyEnd(c: Connection, d: Direction, whole: boolean, t: Timestamp): void
}
