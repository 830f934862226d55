// How much memory is really in use, garbage taken away.

import { setImmediate as eventLoopTurn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Bytes of the heap of this thread, and of buffers outside of it. */
export async function usedMemoryBytes(): Promise<number> {
  collectGarbage()
  // zlib frees handles of failed calls in a turn of the event loop, and their memory goes with the next collection
  await eventLoopTurn()
  collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/**
 * Bytes of buffers that are still referenced. Takes no turn of the event loop, for tests whose work must not go on meanwhile.
 */
export function heldBufferBytes(): number {
  collectGarbage()
  // V8 frees buffers in another thread and counts them as freed when the next collection begins
  collectGarbage()
  return process.memoryUsage().arrayBuffers
}
