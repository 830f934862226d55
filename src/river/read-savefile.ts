// Reads one savefile to its end into consumers: for code that wants what a capture says without a whole run.

import type { TrafficConsumers } from '../core/consumers.ts'
import { PlaceTable } from '../core/places.ts'
import type { ByteSource, Messages } from '../core/ports.ts'
import { FlowTable } from '../flow/flow-table.ts'
import { defaultFlowTableOptions } from '../flow/options.ts'
import { SavefileReader } from '../savefile/reader.ts'
import type { SavefileNames } from '../savefile/savefile-names.ts'
import { DumpRiver, type PacketFilter } from './dump-river.ts'
import { fanOut, fanOutSegments } from './fan-out.ts'
import { pump } from './feed.ts'

const READ_BUFFER_BYTES = 1 << 20

export interface ReadSavefileOptions {
  readonly messages: Messages
  readonly filter?: PacketFilter | undefined
  readonly unwrapTunnels?: boolean
  readonly maximumJumpBytes?: number
  /** Gets the names of hosts that the savefile holds. */
  readonly names?: SavefileNames | undefined
  /** Ends the reading early. */
  readonly stopping?: AbortSignal
}

/**
 * Closes `source` and every connection before it resolves. `damage`: what was wrong with the savefile, after everything
 * before that has been read. Rejects with OperatorError where it cannot be read.
 */
export async function readSavefile(
  source: ByteSource,
  consumers: TrafficConsumers,
  options: ReadSavefileOptions,
): Promise<{ readonly damage: string | undefined }> {
  const { messages, names, stopping } = options
  const { connections = [], streams = [], segments = [] } = consumers
  const { maximumJumpBytes = defaultFlowTableOptions.maximumJumpBytes } = options
  const table = new FlowTable(
    fanOut(streams, connections),
    { ...defaultFlowTableOptions, maximumJumpBytes },
    segments.length === 0 ? undefined : fanOutSegments(segments),
  )
  const river = new DumpRiver({
    messages,
    unwrapTunnels: options.unwrapTunnels ?? true,
    table,
    filter: options.filter,
    savers: [],
    rawSegments: consumers.rawSegments ?? [],
    datagrams: consumers.datagrams ?? [],
    events: consumers.events ?? [],
    clocks: consumers.clocks ?? [],
    drops: [],
    sinks: [],
    onTurn: undefined,
  })
  const stop = (): void => {
    river.stopped = true
    source.stop()
  }
  if (stopping?.aborted === true) stop()
  stopping?.addEventListener('abort', stop)
  const reader = new SavefileReader(source.name, Buffer.alloc(READ_BUFFER_BYTES), new PlaceTable(), names)
  try {
    await pump({ source, reader }, river)
  } finally {
    stopping?.removeEventListener('abort', stop)
    await source.close()
  }
  table.closeAll('capture-ended', river.clock)
  return { damage: reader.damage }
}
