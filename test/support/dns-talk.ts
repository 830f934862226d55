// Name look-ups over UDP as frames for a capture file: talk.ask('db').answer('db', { code: NXDOMAIN }). Each frame is a
// millisecond after the one before, unless wait() says more.

import { AAAA, answer, type MessageFields, query } from '../protocol/dns/dns-builder.ts'
import { ethernet, icmp, ipv4, udp } from './packet-builder.ts'
import type { PcapFrame } from './pcap-builder.ts'

export const SERVFAIL = 2
export const NXDOMAIN = 3
export const REFUSED = 5

export interface DnsTalkOptions {
  readonly client?: string
  readonly clientPort?: number
  readonly server?: string
  /** Seconds; default 1,700,000,000. */
  readonly startTime?: number
}

export interface AskFields extends Omit<MessageFields, 'name'> {
  readonly server?: string
  readonly clientPort?: number
  readonly serverPort?: number
}

export class DnsTalk {
  readonly frames: PcapFrame[] = []
  readonly #client: string
  readonly #clientPort: number
  readonly #server: string
  readonly #startSeconds: number
  #millis = 0

  constructor(options: DnsTalkOptions = {}) {
    this.#client = options.client ?? '10.0.0.1'
    this.#clientPort = options.clientPort ?? 40000
    this.#server = options.server ?? '10.0.0.53'
    this.#startSeconds = options.startTime ?? 1_700_000_000
  }

  ask(name: string, fields: AskFields = {}): this {
    const { server = this.#server, clientPort = this.#clientPort, serverPort = 53 } = fields
    const bytes = udp({ sport: clientPort, dport: serverPort, payload: query({ ...fields, name }) })
    return this.#add(ipv4({ src: this.#client, dst: server }, bytes))
  }

  answer(name: string, fields: AskFields = {}): this {
    const { server = this.#server, clientPort = this.#clientPort, serverPort = 53 } = fields
    const answers = fields.answers ?? (fields.code === undefined ? 1 : 0)
    const bytes = udp({ sport: serverPort, dport: clientPort, payload: answer({ ...fields, answers, name }) })
    return this.#add(ipv4({ src: server, dst: this.#client }, bytes))
  }

  /** As resolvers ask for both, and both are answered alike. */
  lookUp(name: string, fields: AskFields = {}): this {
    return this.ask(name, { ...fields, id: 1 })
      .ask(name, { ...fields, id: 2, type: AAAA })
      .answer(name, { ...fields, id: 1 })
      .answer(name, { ...fields, id: 2, type: AAAA })
  }

  /** ICMP: the last frame, a query, is sent back by the host that it was sent to: port unreachable. */
  refuse(server: string = this.#server): this {
    const quoted = this.frames.at(-1)!.frame.subarray(14)
    return this.#add(ipv4({ src: server, dst: this.#client }, icmp({ type: 3, code: 3 }, quoted)))
  }

  wait(millis: number): this {
    this.#millis += millis
    return this
  }

  #add(packet: Buffer): this {
    this.frames.push({ frame: ethernet({}, packet), time: this.#startSeconds + this.#millis++ / 1000 })
    return this
  }
}
