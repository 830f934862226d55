// ERSPAN: what a switch mirrors, in GRE (draft-foschiano-erspan). Type I is a frame without a header, told by the missing
// sequence number; II and III have one that begins with their version, whichever of the two GRE protocols names them.

import { LAYER_ERSPAN } from '../causes.ts'
import { ETHERTYPE_ETHERNET, ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from '../ether-types.ts'
import type { Frame } from '../frame.ts'
import { MAXIMUM_OFFLOAD_BYTES } from '../ipv4.ts'
import { enterTunnel } from './enter.ts'
import { isPlausibleEthernet, isPlausibleIp } from './plausible.ts'

const TYPE_2_BYTES = 8
const TYPE_3_BYTES = 12
/** What hardware of one platform or another adds to type III. */
const SUBHEADER_BYTES = 8

/** In the second half-word: the mirror cut the frame, because it did not fit into the network between. */
const TRUNCATED = 0x0400

// What type III says that it carries.
const FRAME_TYPE_ETHERNET = 0
const FRAME_TYPE_IP = 2

/** At what follows a GRE header of protocol 0x88be. */
export function parseErspan(frame: Frame, hasSequence: boolean): number {
  // Some senders leave out the sequence number of type II, others give type I one: then what lies inside tells.
  const header = hasHeader(frame, frame.at)
  const bare = hasSequence
    ? !header && isPlausibleEthernet(frame, frame.at)
    : !header || isPlausibleEthernet(frame, frame.at)
  return bare ? enterTunnel(frame, ETHERTYPE_ETHERNET) : parseErspanHeader(frame)
}

/** Type II or III, as the header's version says. */
export function parseErspanHeader(frame: Frame): number {
  const { buf, at } = frame
  if (frame.end - at < TYPE_2_BYTES) return frame.short(LAYER_ERSPAN, TYPE_2_BYTES)
  const version = buf[at]! >>> 4
  if (version !== 1 && version !== 2) return frame.malformed(LAYER_ERSPAN)
  if (version === 2 && frame.end - at < TYPE_3_BYTES) return frame.short(LAYER_ERSPAN, TYPE_3_BYTES)
  const bytes = headerBytes(frame, at)
  if (frame.end - at < bytes) return frame.short(LAYER_ERSPAN, bytes)
  const frameType = version === 1 ? FRAME_TYPE_ETHERNET : frameTypeAt(frame, at)
  if (frameType !== FRAME_TYPE_ETHERNET && frameType !== FRAME_TYPE_IP) {
    return frame.unsupported(LAYER_ERSPAN, frameType)
  }
  // the frame's own headers say how long it was, so more of it may have been on the wire
  if ((frame.uint16(at + 2) & TRUNCATED) !== 0) frame.wireEnd = at + bytes + MAXIMUM_OFFLOAD_BYTES + 1
  frame.at = at + bytes
  if (frameType === FRAME_TYPE_ETHERNET) return enterTunnel(frame, ETHERTYPE_ETHERNET)
  return enterTunnel(frame, buf[at + bytes]! >>> 4 === 6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4)
}

/** Whether ERSPAN of any type can lie at `at`: for where nothing but a port says so. */
export function isErspan(frame: Frame, at: number): boolean {
  return isPlausibleEthernet(frame, at) || hasHeader(frame, at)
}

/** Whether a header of type II or III lies at `at`, with a frame behind it. */
function hasHeader(frame: Frame, at: number): boolean {
  if (frame.end - at < TYPE_3_BYTES) return false
  const version = frame.buf[at]! >>> 4
  if (version !== 1 && version !== 2) return false
  const inside = at + headerBytes(frame, at)
  const isIp = version === 2 && frameTypeAt(frame, at) === FRAME_TYPE_IP
  return isIp ? isPlausibleIp(frame, inside) : isPlausibleEthernet(frame, inside)
}

function headerBytes(frame: Frame, at: number): number {
  if (frame.buf[at]! >>> 4 === 1) return TYPE_2_BYTES
  return (frame.buf[at + 11]! & 1) === 1 ? TYPE_3_BYTES + SUBHEADER_BYTES : TYPE_3_BYTES
}

function frameTypeAt(frame: Frame, at: number): number {
  return (frame.buf[at + 10]! >>> 2) & 31
}
