// Reads one savefile's exchanges, as `tcpflow latency` finds them.

import { openFileSource } from '../capture/file-source.ts'
import { compileFilter } from '../capture/packet-filter.ts'
import type { ExchangeHosts } from '../core/exchange-hosts.ts'
import type { Messages } from '../core/ports.ts'
import type { TimedExchangeConsumer } from '../core/timed-exchange.ts'
import type { LatencyPlan, Plan } from '../plan.ts'
import { readSavefile } from '../river/read-savefile.ts'
import type { SavefileNames } from '../savefile/savefile-names.ts'
import { ExchangeStage } from '../views/exchange-stage.ts'

export interface ReadExchangesOptions {
  readonly plan: Plan
  readonly latency: LatencyPlan
  readonly messages: Messages
  readonly hosts: ExchangeHosts
  readonly names: SavefileNames | undefined
  /** Ends the reading early. */
  readonly stopping: AbortSignal
}

/** Resolves to what was wrong with the savefile, if anything. Rejects with OperatorError where it cannot be read. */
export async function readExchanges(
  path: string,
  { plan, latency, messages, hosts, names, stopping }: ReadExchangesOptions,
  consumer: TimedExchangeConsumer,
): Promise<{ readonly damage: string | undefined }> {
  const { protocol, timeoutMillis } = latency
  const stage = new ExchangeStage({ protocol, timeoutMillis, waitsForEnd: true, hosts, messages }, [consumer])
  const { streams, segments, datagrams, onTrafficOver } = stage.attachment()
  const filter =
    plan.filter === ''
      ? undefined
      : compileFilter(plan.filter, (_kind, line, hint) => messages.error(line, hint), plan.decode.unwrapTunnels)
  const read = await readSavefile(
    openFileSource(path),
    { streams, segments, datagrams },
    {
      messages,
      filter,
      unwrapTunnels: plan.decode.unwrapTunnels,
      maximumJumpBytes: plan.flow.maximumJumpBytes,
      names,
      stopping,
    },
  )
  onTrafficOver()
  return read
}
