// How many connections are tracked at once where memory is scarce: in a container with --memory.

import { defaultFlowTableOptions } from '../flow/options.ts'

/** An open connection with its protocol's parser takes 3 kB of the heap at most, when nothing waits on it. */
const HEAP_BYTES_PER_CONNECTION = 4096
/** The rest is for what waits, and for everything else. */
const SHARE_OF_HEAP = 0.5
const LEAST_CONNECTIONS = 1024

/** The table's usual number, or as many as fit into `heapLimitBytes`, which Node sets by the container's limit. */
export function connectionLimit(heapLimitBytes: number): number {
  const fitting = Math.floor((heapLimitBytes * SHARE_OF_HEAP) / HEAP_BYTES_PER_CONNECTION)
  return Math.max(LEAST_CONNECTIONS, Math.min(defaultFlowTableOptions.maximumConnections, fitting))
}
