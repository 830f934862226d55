// How many connections are tracked at once where memory is scarce: in a container with --memory.

import { defaultFlowTableOptions } from '../flow/options.ts'

/**
 * An open connection with its protocol's parser and a few requests that wait takes 5.4 kB of the heap, measured with weeks of
 * mixed traffic (test/e2e/weeks.test.ts). With less room the collector works without end, and in the end gives up.
 */
const HEAP_BYTES_PER_CONNECTION = 6144
/** The rest of the heap is for requests that wait and for everything else. */
const SHARE_OF_HEAP = 0.5
const LEAST_CONNECTIONS = 1024

/** The table's usual number, or as many as fit into `heapLimitBytes`, which Node sets by the container's limit. */
export function connectionLimit(heapLimitBytes: number): number {
  const fitting = Math.floor((heapLimitBytes * SHARE_OF_HEAP) / HEAP_BYTES_PER_CONNECTION)
  return Math.max(LEAST_CONNECTIONS, Math.min(defaultFlowTableOptions.maximumConnections, fitting))
}
