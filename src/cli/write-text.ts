// Writes small texts (help, lists, errors) straight to a descriptor. The output of a capture goes through output/
// instead.

import { writeSync } from 'node:fs'

const RETRY_MILLIS = 5

/** Writes all of it, and waits where a pipe is full. False when nobody reads any more or the descriptor is closed. */
export function writeText(descriptor: number, text: string): boolean {
  const bytes = Buffer.from(text, 'utf8')
  let written = 0
  while (written < bytes.length) {
    try {
      written += writeSync(descriptor, bytes, written)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      // Another process that shares the pipe has made it non-blocking.
      if (code === 'EAGAIN') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MILLIS)
      else if (code !== 'EINTR') return false
    }
  }
  return true
}

/** Makes text from outside (file names, messages of libraries) harmless for a terminal. */
export function harmless(text: string): string {
  return text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]/g, '.')
}
