// What decoding saw and what it could not use, counted by cause for the closing summary. Counting makes no strings: a cause is
// a small number, which gets its name only for the summary. There are at most a few hundred distinct ones.

import * as causes from './causes.ts'
import { DECODE_OTHER } from './status.ts'

const MAXIMUM_CAUSES = 256
/** Stands for all values of a cause once MAXIMUM_CAUSES is reached. */
const ANY_VALUE = 0xfffff

export interface CauseCount {
  /** `truncated TCP header`, `unsupported EtherType 0x22f3` … */
  readonly cause: string
  readonly packets: number
}

export class DecodeCounters {
  /** Packets given to decode(). */
  packets = 0
  segments = 0
  datagrams = 0
  icmpErrors = 0
  arps = 0
  /** Fragments of IPv4 and IPv6 datagrams, atomic ones not among them. */
  fragments = 0
  /** Datagrams put together from them. */
  reassembledDatagrams = 0
  /** Fragments of which another copy had been there. */
  duplicateFragments = 0
  /** Fragments that overlapped earlier ones without being their copies; the first bytes counted. */
  overlappingFragments = 0
  /** Datagrams given up because the rest did not come in time or too many were waiting. */
  incompleteDatagrams = 0
  /** Packets taken out of VXLAN, GENEVE, GRE, IP-in-IP …, one for each level. */
  unwrappedTunnels = 0
  /** Packets by key() of their cause. */
  readonly #byCause = new Map<number, number>()

  /** Counts a packet that could not be decoded further. `status` is a DECODE_ value, `value` a protocol number below 2^20. */
  count(status: number, layer: number, value: number): void {
    let cause = key(status, layer, value)
    const before = this.#byCause.get(cause)
    if (before === undefined && this.#byCause.size >= MAXIMUM_CAUSES) {
      cause = key(status, layer, ANY_VALUE)
      this.#byCause.set(cause, (this.#byCause.get(cause) ?? 0) + 1)
      return
    }
    this.#byCause.set(cause, before === undefined ? 1 : before + 1)
  }

  /** Packets that could not be used, by cause, most frequent first. */
  undecoded(): CauseCount[] {
    return this.#list((status) => status !== DECODE_OTHER)
  }

  /** Normal traffic that is neither TCP nor UDP, by kind, most frequent first. */
  others(): CauseCount[] {
    return this.#list((status) => status === DECODE_OTHER)
  }

  #list(wanted: (status: number) => boolean): CauseCount[] {
    const packets = new Map<string, number>()
    for (const [cause, count] of this.#byCause) {
      const status = cause >>> 26
      if (!wanted(status)) continue
      const value = cause & ANY_VALUE
      const name = causes.nameOf(status, (cause >>> 20) & 63, value === ANY_VALUE ? undefined : value)
      packets.set(name, (packets.get(name) ?? 0) + count)
    }
    return [...packets]
      .map(([cause, count]) => ({ cause, packets: count }))
      .sort((a, b) => b.packets - a.packets || (a.cause < b.cause ? -1 : 1))
  }
}

function key(status: number, layer: number, value: number): number {
  return (status << 26) | (layer << 20) | (value & ANY_VALUE)
}
