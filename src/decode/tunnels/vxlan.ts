// VXLAN (RFC 7348) and its generic protocol extension (draft-ietf-nvo3-vxlan-gpe), which says what it carries.

import { ETHERTYPE_ETHERNET } from '../ether-types.ts'
import type { Frame } from '../frame.ts'
import { etherTypeOfNextProtocol } from '../nsh.ts'
import { enterTunnel, NO_TUNNEL } from './enter.ts'
import { isPlausible, isPlausibleEthernet } from './plausible.ts'

const HEADER_BYTES = 8
const SMALLEST_FRAME_BYTES = 14

/** There is a network id. */
const INSTANCE_FLAG = 0x08
/** The reserved bytes are a group policy. */
const POLICY_FLAG = 0x80
/** The byte before the network id says what follows. */
const NEXT_PROTOCOL_FLAG = 0x04

/** `byDestination`: the port that says VXLAN is where the datagram goes, as it should. */
export function parseVxlan(frame: Frame, byDestination: boolean): number {
  const { buf, at } = frame
  if (frame.end - at < HEADER_BYTES || frame.wireEnd - at < HEADER_BYTES + SMALLEST_FRAME_BYTES) return NO_TUNNEL
  if ((buf[at]! & NEXT_PROTOCOL_FLAG) !== 0) {
    const status = parseNextProtocol(frame)
    if (status !== NO_TUNNEL) return status
  }
  return (byDestination && isOrdinaryHeader(frame)) || isPlausibleEthernet(frame, at + HEADER_BYTES)
    ? enter(frame, ETHERTYPE_ETHERNET)
    : NO_TUNNEL
}

export function parseVxlanGpe(frame: Frame): number {
  if (frame.end - frame.at < HEADER_BYTES) return NO_TUNNEL
  const status = parseNextProtocol(frame)
  if (status !== NO_TUNNEL) return status
  return isPlausibleEthernet(frame, frame.at + HEADER_BYTES) ? enter(frame, ETHERTYPE_ETHERNET) : NO_TUNNEL
}

function parseNextProtocol(frame: Frame): number {
  const etherType = etherTypeOfNextProtocol(frame.buf[frame.at + 3]!)
  return etherType !== 0 && isPlausible(frame, etherType, frame.at + HEADER_BYTES) ? enter(frame, etherType) : NO_TUNNEL
}

/** As senders should write it. Receivers ignore what is reserved: where it is not zero, the frame inside has to fit. */
function isOrdinaryHeader(frame: Frame): boolean {
  const { buf, at } = frame
  const flags = buf[at]!
  if (buf[at + 7] !== 0) return false
  const reserved = (buf[at + 1]! << 16) | (buf[at + 2]! << 8) | buf[at + 3]!
  return flags === (POLICY_FLAG | INSTANCE_FLAG) || (flags === INSTANCE_FLAG && reserved === 0)
}

function enter(frame: Frame, etherType: number): number {
  frame.at += HEADER_BYTES
  return enterTunnel(frame, etherType)
}
