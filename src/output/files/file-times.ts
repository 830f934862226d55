// A capture's time as the time of a file.

import { futimesSync } from 'node:fs'

/** A capture's clock may say anything; ext4 goes as far as 2446. */
const MAXIMUM_FILE_TIME_SECONDS = 15_032_385_536

/**
 * Sets a file's access and modification time, to the microsecond. Seconds 0, and times that no file system knows, leave
 * them as they are.
 */
export function setFileTimes(descriptor: number, seconds: number, nanos: number): void {
  if (!(seconds > 0 && seconds < MAXIMUM_FILE_TIME_SECONDS)) return
  try {
    const time = wholeMicros(seconds, nanos)
    futimesSync(descriptor, time, time)
  } catch {
    // Some file systems keep no such times; what matters are the bytes.
  }
}

/**
 * Seconds with microseconds as one number, which becomes the same microsecond again when it is cut and not rounded:
 * near 2e9 a double has steps of 0.24 µs, so a little is added.
 */
function wholeMicros(seconds: number, nanos: number): number {
  return seconds + Math.floor(nanos / 1000) / 1e6 + 3e-7
}
