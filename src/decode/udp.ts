// The UDP header (RFC 768; length 0 as in RFC 2675).

import type { Datagram } from '../core/segment.ts'
import { LAYER_UDP } from './causes.ts'
import type { Frame } from './frame.ts'
import { NEXT } from './status.ts'

/** Takes the header off, so that `frame` is the payload; NEXT, or counts why not. */
export function parseUdpHeader(frame: Frame): number {
  const { at } = frame
  if (frame.end - at < 8) return frame.short(LAYER_UDP, 8)
  const length = frame.uint16(at + 4)
  if (length !== 0) {
    if (length < 8 || at + length > frame.wireEnd) return frame.malformed(LAYER_UDP)
    frame.wireEnd = at + length
    if (frame.wireEnd < frame.end) frame.end = frame.wireEnd
  }
  frame.at = at + 8
  return NEXT
}

/** Fills `datagram` from a frame whose UDP header is off. */
export function fillDatagram(frame: Frame, datagram: Datagram): void {
  const { at, end } = frame
  frame.describe(datagram)
  datagram.sourcePort = frame.uint16(at - 8)
  datagram.destinationPort = frame.uint16(at - 6)
  datagram.payloadStart = at
  datagram.payloadEnd = end
  datagram.missingBytes = frame.wireEnd - end
}
