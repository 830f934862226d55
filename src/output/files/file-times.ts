// A capture's time as the time of a file.

import { futimesSync } from 'node:fs'

/** A capture's clock may say anything; 2446 is as far as ext4 goes. */
const MAXIMUM_FILE_TIME_SECONDS = 15_032_385_536

/** Sets a file's access and modification time, to the microsecond; seconds 0, and what no file system knows, leave them. */
export function setFileTimes(descriptor: number, seconds: number, nanos: number): void {
  if (!(seconds > 0 && seconds < MAXIMUM_FILE_TIME_SECONDS)) return
  try {
    const time = wholeMicros(seconds, nanos)
    futimesSync(descriptor, time, time)
  } catch {
    // Some file systems keep no such times; the bytes are what matters.
  }
}

/**
 * Seconds with microseconds as one number that is cut, not rounded, to the same microsecond again: a double near 2e9
 * knows steps of 0.24 µs, so a little is added.
 */
function wholeMicros(seconds: number, nanos: number): number {
  return seconds + Math.floor(nanos / 1000) / 1e6 + 3e-7
}
