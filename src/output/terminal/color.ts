// Colours of the console, as the byte sequences that the hot path writes. They are from the 256-colour palette and have
// a contrast of at least 3.5 to black and to white, so that they are readable on dark and on light backgrounds.

import type { Direction } from '../../core/connection.ts'

export const RESET = Buffer.from('\x1b[0m')

/** The client in blue, the server in orange; colour-blind people can tell these apart too. */
const PAYLOAD = [foreground(32), foreground(166)] as const

/** Our own messages within a stream. */
export const REMARK = Buffer.from('\x1b[7m')

/** Names: neighbouring connections get very different colours. */
const NAMES = [28, 163, 100, 99, 30, 160, 64, 128, 94, 29, 27, 162].map((color) => Buffer.from(`\x1b[1;38;5;${color}m`))

export function payloadColor(d: Direction): Buffer {
  return PAYLOAD[d]
}

/** The same for both directions of a connection, so that the eye can follow it. */
export function nameColor(connectionId: number): Buffer {
  return NAMES[connectionId % NAMES.length]!
}

function foreground(color: number): Buffer {
  return Buffer.from(`\x1b[38;5;${color}m`)
}
