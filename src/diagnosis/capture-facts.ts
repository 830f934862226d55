// What the capture as a whole is like: rules hold back what it cannot show.

import type { ConnectionFacts } from './connection-facts.ts'

export class CaptureFacts {
  /** Microseconds since 1970 of the first and latest packet or tick; 0: none. */
  firstMicros = 0
  lastMicros = 0
  segments = 0
  /** Of them, those of clients. */
  clientSegments = 0
  datagrams = 0
  connections = 0
  /** TLS handshakes of which the ClientHello was seen. */
  handshakes = 0
  /** Connections that more than one side was seen of, and those of which one alone was and that carried data. */
  bothWays = 0
  toServerOnly = 0
  toClientOnly = 0
  /** Connections that began before the capture. */
  metMidway = 0
  /** Packets that the kernel dropped, told by the capture's statistics. */
  kernelDrops = 0
  /** Copies of packets that were recognised, and left out, before they came here. */
  duplicatePackets = 0
  /** Segments that the snapshot length cut short, and the bytes. */
  cutSegments = 0
  cutBytes = 0
  /** Open connections beyond the number that can be followed. */
  notFollowed = 0
  /** Names asked for by DNS. */
  readonly names = new Set<string>()
  namesBeyond = 0

  noteClosed(c: ConnectionFacts): void {
    const { client, server } = c
    if (c.seenBothWays) this.bothWays++
    else if (client.dataSegments > 0) this.toServerOnly++
    else if (server.dataSegments > 0) this.toClientOnly++
    if (!c.seenFromStart && client.syns + server.syns === 0) this.metMidway++
  }

  noteName(name: string): void {
    if (this.names.size < MAXIMUM_NAMES) this.names.add(name)
    else if (!this.names.has(name)) this.namesBeyond++
  }
}

const MAXIMUM_NAMES = 10_000
