// What a script in JavaScript or TypeScript gets (`tcpflow --script FILE`), published as `tcpflow/script`:
//
//   import type { ScriptPacket } from 'tcpflow/script'
//   export function onPacket(packet: ScriptPacket): void { … }
//
// Everything handed to a script is its own: objects and Buffers may be kept and changed. Times are whole microseconds
// since 1970: `new Date(micros / 1000)`. Text from the wire is not made harmless.

/// <reference types="node" />

export interface ScriptEndpoint {
  /** `192.0.2.1`, `2001:db8::1` */
  readonly address: string
  readonly port: number
}

export interface ScriptHost extends ScriptEndpoint {
  /** The container's name, or another known name; '' if there is none. */
  readonly name: string
}

/** Who sent it. The client is the side that opened the connection, or seems to be. */
export type ScriptDirection = 'client' | 'server'

/** A TCP segment (also one without payload, or repeated), or a UDP datagram. */
export interface ScriptPacket {
  timeMicros: number
  protocol: 'tcp' | 'udp'
  source: ScriptEndpoint
  destination: ScriptEndpoint
  payload: Buffer
  /** Payload bytes that were on the wire and not captured (a short snapshot length). */
  missingBytes: number
  /** 0 to 2^32 - 1; this and what follows are 0 in a datagram. */
  sequence: number
  acknowledgement: number
  /** FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128. */
  flags: number
  /** As in the header, not scaled. */
  window: number
}

/** One object for each connection, the same in every call, so it can be the key of a Map; its counts grow. */
export interface ScriptConnection {
  /** 1, 2, 3 … in the order of their first packets. */
  readonly id: number
  readonly client: ScriptHost
  readonly server: ScriptHost
  readonly openMicros: number
  /** From SYN to the client's ACK of the SYN-ACK; -1 until known. */
  handshakeMicros: number
  /** Payload bytes from each side, each once. */
  clientBytes: number
  serverBytes: number
  retransmittedBytes: number
  /** Bytes that are not in the capture. */
  missingBytes: number
  closeMicros: number
  /** `finished`, `reset`, `timeout`, `capture-ended` …; '' while it is open. */
  closeReason: string
}

/** Bytes of one direction in order, each once; or a gap. */
export interface ScriptData {
  connection: ScriptConnection
  direction: ScriptDirection
  timeMicros: number
  /** Of the first byte in this direction's stream. */
  offset: number
  data: Buffer
  /** More than 0 for a gap: so many bytes are given up, and `data` is empty. */
  missingBytes: number
}

/** A request and its response. */
export interface ScriptExchange {
  /** The connection's id; 0 for datagrams. */
  connectionId: number
  client: ScriptHost
  server: ScriptHost
  /** `redis`, `memcached`, `http`, `dns`, `raw` */
  protocol: string
  /** `GET`, `set`, `AAAA` */
  command: string
  /** The first key, the path, the queried name; '' for none. */
  key: string
  /** The request on one line, at most 1024 characters. */
  request: string
  /** `unanswered`: no response came. `unknown`: bytes are missing, or it was open when the capture ended. */
  status: 'ok' | 'error' | 'unanswered' | 'unknown' | 'silent'
  /** `200`, `-WRONGTYPE …`, `NXDOMAIN`; '' where the protocol has none. */
  statusText: string
  /** The server was asked to wait (BLPOP): its latency is no fault. */
  blocking: boolean
  /** Requests of this connection that were still unanswered when this one came. */
  aheadInPipeline: number
  /** It was told before, as `unanswered`: its response came after all (live captures only). Do not count it twice. */
  late: boolean
  /** How often it was sent again before the answer (DNS over UDP). */
  retries: number
  /** First and last byte of each; response times are 0 without one. */
  requestStartMicros: number
  requestEndMicros: number
  responseStartMicros: number
  responseEndMicros: number
  /** From the first byte of the request to the last of the response; this and its parts are -1 where they cannot be told. */
  latencyMicros: number
  requestTransferMicros: number
  /** From the last byte of the request to the first of the response: the next two together. */
  firstByteMicros: number
  /** The round trip between the capture point and the server. */
  networkMicros: number
  serverMicros: number
  responseTransferMicros: number
  /** The round trip between the capture point and the client: no part of the latency. */
  clientNetworkMicros: number
  requestBytes: number
  responseBytes: number
}

/** Given to every hook as its last argument. */
export interface ScriptRun {
  /** Prints bytes, or text as UTF-8, without a newline. `console.log` prints lines. */
  print(output: string | Uint8Array): void
  /** Ends the run as Ctrl-C does, with this exit code. The hook goes on; nothing is handed over after it but onEnd. */
  stop(exitCode?: number): void
}

/**
 * What a script exports: any of these. A hook may be async: its promises run side by side, the capture waits when 1000 are
 * under way, and the end waits for all. A hook that throws, rejects, or computes for more than ten seconds ends the script.
 */
export interface Script {
  onPacket?(packet: ScriptPacket, run: ScriptRun): unknown
  /** `open` at its first packet, `close` at its end. */
  onConnection?(connection: ScriptConnection, event: 'open' | 'close', run: ScriptRun): unknown
  onData?(data: ScriptData, run: ScriptRun): unknown
  /** With `tcpflow latency`. */
  onExchange?(exchange: ScriptExchange, run: ScriptRun): unknown
  /** Once, after everything else. */
  onEnd?(run: ScriptRun): unknown
}
