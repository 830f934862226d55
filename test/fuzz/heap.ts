// How much memory is really in use, garbage taken away.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Bytes of the heap of this thread, and of buffers outside of it. */
export function usedMemoryBytes(): number {
  collectGarbage()
  // what finalizers let go in the first run is gone after the second
  collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
