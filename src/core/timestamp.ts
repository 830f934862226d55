// Capture time. Two numbers instead of one: a double holds microseconds since 1970 exactly, but not nanoseconds.

/** A moment of the capture: whole seconds since the Unix epoch and nanoseconds (0–999,999,999) into that second. */
export class Timestamp {
  seconds: number
  nanos: number
  /** False: the savefile gives this packet no time; the moment is then the one of the packet before it. */
  known: boolean

  constructor(seconds = 0, nanos = 0) {
    this.seconds = seconds
    this.nanos = nanos
    this.known = true
  }

  /** Takes over another timestamp's moment; the usual way to keep a lent one. */
  set(other: Timestamp): void {
    this.seconds = other.seconds
    this.nanos = other.nanos
    this.known = other.known
  }

  clone(): Timestamp {
    const copy = new Timestamp()
    copy.set(this)
    return copy
  }
}

/** `later - earlier` in microseconds, with a fraction where the capture has nanoseconds. Negative when out of order. */
export function elapsedMicros(earlier: Timestamp, later: Timestamp): number {
  return (later.seconds - earlier.seconds) * 1e6 + (later.nanos - earlier.nanos) / 1e3
}

/** Microseconds since 1970: exact to a quarter of one. */
export function epochMicros(t: Timestamp): number {
  return t.seconds * 1e6 + t.nanos / 1e3
}

/** Negative, zero or positive as `a` lies before, at or after `b`. */
export function compareTime(a: Timestamp, b: Timestamp): number {
  return a.seconds - b.seconds || a.nanos - b.nanos
}

/** `t` becomes the moment `micros` after `earlier`. */
export function setAfter(t: Timestamp, earlier: Timestamp, micros: number): void {
  const nanos = earlier.nanos + (micros % 1e6) * 1000
  t.seconds = earlier.seconds + Math.floor(micros / 1e6) + (nanos >= 1e9 ? 1 : 0)
  t.nanos = nanos >= 1e9 ? nanos - 1e9 : nanos
}
