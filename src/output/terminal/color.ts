// Colours of the console, as the byte sequences that the hot path writes. All are of the 256-colour palette and have a
// contrast of at least 3.5 to black and to white, so that they read well on dark and on light backgrounds.

import type { Direction } from '../../core/connection.ts'

export const RESET = Buffer.from('\x1b[0m')

/** What each side says: the client in blue, the server in orange, which the colour-blind tell apart too. */
const PAYLOAD = [foreground(32), foreground(166)] as const

/** What we say ourselves within a stream. */
export const REMARK = Buffer.from('\x1b[7m')

/** Names: neighbouring connections get colours far apart. */
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
