// Rules on whether an HTTP/1.x message has a body, and how long its chunks are (RFC 9112 §§6.3, 7.1).

import type { HttpMessage } from './http-message.ts'

const LF = 10
const CR = 13

/** Switching protocols, or a CONNECT that succeeded (RFC 9110 §§7.8, 9.3.6). */
export function opensTunnel(response: HttpMessage): boolean {
  if (response.status === 101) return true
  return response.request?.method === 'CONNECT' && response.status >= 200 && response.status < 300
}

/** Responses that end with their head, whatever its fields say (RFC 9112 §6.3). */
export function hasNoBody(response: HttpMessage): boolean {
  const { status } = response
  return status < 200 || status === 204 || status === 304 || response.request?.method === 'HEAD'
}

/** The size at the beginning of a chunk's line, or -1 where there is none, or none that a number holds exactly. */
export function chunkSizeOf(buf: Buffer, start: number, end: number): number {
  let size = 0
  let i = start
  for (; i < end; i++) {
    const byte = buf[i]!
    const letter = byte | 0x20
    let digit: number
    if (byte >= 48 && byte <= 57) digit = byte - 48
    else if (letter >= 97 && letter <= 102) digit = letter - 87
    else break
    size = size * 16 + digit
    if (size > Number.MAX_SAFE_INTEGER) return -1
  }
  if (i === start) return -1
  while (buf[i] === 32 || buf[i] === 9) i++
  return buf[i] === 0x3b || buf[i] === LF || (buf[i] === CR && buf[i + 1] === LF) ? size : -1
}
