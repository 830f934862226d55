// Applies a BPF expression to the packets of savefiles: of any format, compressed or not, with any mix of link types.

import type { Packet } from '../core/packet.ts'
import { compileBpf } from './bpf-compiler.ts'
import type { BpfMatcher } from './bpf-program.ts'
import { compileExpression, hasCompiler } from './packet-filter-compiler.ts'
import { MissedPackets, type OnMissed } from './packet-filter-missed.ts'

export type { MissedKind, OnMissed } from './packet-filter-missed.ts'

export interface PacketFilter {
  /**
   * Throws OperatorError when the expression cannot be compiled for the packet's link type, which is found out at the
   * first packet of each link type; never because of a packet's bytes.
   */
  matches(packet: Packet): boolean
  /** Before the first packet: throws OperatorError when the expression is wrong whatever the link type. */
  refuseBad(): void
}

/** Asked in this order whether an expression is right at all: most are for Ethernet; `wlan` and the like are not. */
const LINK_TYPES = [1, 101, 113, 276, 0, 105, 127] as const

/**
 * A filter for `expression` (pcap-filter(7)); '' accepts everything. Compiling waits for tcpdump to start and end (some
 * milliseconds, or as long as a name look-up takes) at the first packet of each link type. `onMissed` is called at most
 * once for each kind of packet that only looks as if it did not match; of those in tunnels where `unwrapsTunnels` says that
 * they would be shown.
 */
export function compileFilter(expression: string, onMissed?: OnMissed, unwrapsTunnels = true): PacketFilter {
  return expression.trim() === ''
    ? { matches: () => true, refuseBad: () => {} }
    : new ExpressionFilter(expression, onMissed, unwrapsTunnels)
}

/**
 * The same question for captures whose filter others compile. Throws OperatorError for a wrong one; says nothing where there
 * is no tcpdump to ask.
 */
export function refuseBadExpression(expression: string): void {
  if (hasCompiler()) compileFilter(expression).refuseBad()
}

class ExpressionFilter implements PacketFilter {
  readonly #expression: string
  readonly #matchers = new Map<number, BpfMatcher>()
  readonly #missed: MissedPackets | undefined
  #linkType = -1
  #matcher: BpfMatcher = () => false

  constructor(expression: string, onMissed: OnMissed | undefined, unwrapsTunnels: boolean) {
    this.#expression = expression
    this.#missed = onMissed === undefined ? undefined : new MissedPackets(expression, onMissed, unwrapsTunnels)
  }

  matches(packet: Packet): boolean {
    if (packet.linkType !== this.#linkType) this.#select(packet.linkType)
    const matched = this.#matcher(packet.buf, packet.start, packet.end, packet.originalLength)
    if (this.#missed?.watching === true) this.#missed.look(packet, matched, this.#matcher)
    return matched
  }

  refuseBad(): void {
    let first: unknown
    for (const linkType of LINK_TYPES) {
      try {
        this.#compiled(linkType)
        return
      } catch (error) {
        first ??= error
      }
    }
    throw first
  }

  #select(linkType: number): void {
    this.#matcher = this.#compiled(linkType)
    this.#linkType = linkType
  }

  #compiled(linkType: number): BpfMatcher {
    let matcher = this.#matchers.get(linkType)
    if (matcher === undefined) {
      matcher = compileBpf(compileExpression(this.#expression, linkType))
      this.#matchers.set(linkType, matcher)
    }
    return matcher
  }
}
