// A TCP connection as frames for a capture file, written like the conversation that it is:
// talk.open().client('GET').server('OK').close(). Each frame is a millisecond after the one before, unless wait() says more.

import type { Direction } from '../../src/core/connection.ts'
import { type Bytes, bytesOf, ethernet, ipv4, ipv6, type TcpOptions, tcp } from './packet-builder.ts'
import { type PcapFrame, pcapFile } from './pcap-builder.ts'

export interface TalkOptions {
  readonly client?: string
  readonly clientPort?: number
  readonly server?: string
  readonly serverPort?: number
  readonly vlan?: readonly number[]
  /** Seconds; default 1,700,000,000. */
  readonly startTime?: number
}

export class Talk {
  readonly frames: PcapFrame[] = []
  readonly #addresses: readonly [string, string]
  readonly #ports: readonly [number, number]
  readonly #vlan: readonly number[]
  readonly #startSeconds: number
  #millis = 0
  /** Next sequence number of each side. */
  readonly #next: [number, number] = [1000, 500_000]

  constructor(options: TalkOptions = {}) {
    this.#addresses = [options.client ?? '10.0.0.1', options.server ?? '10.0.0.2']
    this.#ports = [options.clientPort ?? 40000, options.serverPort ?? 80]
    this.#vlan = options.vlan ?? []
    this.#startSeconds = options.startTime ?? 1_700_000_000
  }

  open(): this {
    return this.syn().segment(1, { flags: 'S.' }, 1).segment(0, { flags: '.' })
  }

  syn(): this {
    return this.segment(0, { flags: 'S', ack: 0 }, 1)
  }

  client(bytes: Bytes): this {
    return this.say(0, bytes)
  }

  server(bytes: Bytes): this {
    return this.say(1, bytes)
  }

  say(d: Direction, bytes: Bytes): this {
    const payload = bytesOf(bytes)
    return this.segment(d, { flags: 'P.', payload }, payload.length)
  }

  /** What is said is not captured. */
  lose(d: Direction, bytes: number): this {
    this.#next[d] += bytes
    return this
  }

  acknowledge(d: Direction): this {
    return this.segment(d, { flags: '.' })
  }

  close(): this {
    return this.segment(0, { flags: 'F.' }, 1).segment(1, { flags: 'F.' }, 1).acknowledge(0)
  }

  reset(d: Direction): this {
    return this.segment(d, { flags: 'R.' })
  }

  wait(millis: number): this {
    this.#millis += millis
    return this
  }

  /** The last frame once more; -2: the last but one. */
  repeat(which = -1): this {
    this.#add(this.frames.at(which)!.frame)
    return this
  }

  /** The last two frames change places; each keeps its time of capture. */
  swap(): this {
    const [first, second] = this.frames.splice(-2)
    this.frames.push({ frame: second!.frame, time: first!.time }, { frame: first!.frame, time: second!.time })
    return this
  }

  segment(d: Direction, options: TcpOptions & { readonly ttl?: number }, moves = 0): this {
    const [src, dst] = d === 0 ? this.#addresses : [this.#addresses[1], this.#addresses[0]]
    const [sport, dport] = d === 0 ? this.#ports : [this.#ports[1], this.#ports[0]]
    const seq = this.#next[d]
    const ack = this.#next[d === 0 ? 1 : 0]
    this.#next[d] = (seq + moves) >>> 0
    const segment = tcp({ sport, dport, seq, ack, ...options })
    const packet = src.includes(':')
      ? ipv6({ src, dst, hopLimit: options.ttl ?? 64 }, segment)
      : ipv4({ src, dst, ttl: options.ttl ?? 64 }, segment)
    this.#add(ethernet({ vlan: this.#vlan }, packet))
    return this
  }

  #add(frame: Buffer): void {
    this.frames.push({ frame, time: this.#startSeconds + this.#millis++ / 1000 })
  }
}

/** A capture of several talks, one after the other. */
export function captureOf(...talks: readonly Talk[]): Buffer {
  return pcapFile(talks.flatMap((talk) => talk.frames))
}
