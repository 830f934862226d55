// TCP sequence arithmetic: 32-bit numbers that wrap (RFC 9293 §3.4). Kept as signed 32-bit integers, V8's fastest kind.

/** `a - b` on the circle: negative when `a` lies before `b`, for distances under 2 GiB. */
export function sequenceDistance(a: number, b: number): number {
  return (a - b) | 0
}

/** `sequence + count`, wrapped to a signed 32-bit integer. */
export function sequenceAdd(sequence: number, count: number): number {
  return (sequence + count) | 0
}
