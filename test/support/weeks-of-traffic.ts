// Weeks of traffic in a minute: everything that could make a run's tables grow for ever. Clients, servers, keys, routes,
// commands and names that never come again, connections that nobody closes, requests that nobody answers, subscriptions of
// days, ports used again, holes, bursts, and a clock that is set. The same bytes every time.

import { FrameWriter, type Side, type TakeBytes } from '../bench/frame-writer.ts'
import { Random } from '../fuzz/random.ts'

const FIN = 1
const SYN = 2
const RST = 4
const PSH = 8
const ACK = 16
const NOTHING = Buffer.alloc(0)
const DAY_MICROS = 86_400e6
const LONG_LIVED = 64
/** Requests of a burst, and connections that it comes on. */
const BURST_REQUESTS = 4000
const BURST_CONNECTIONS = 40

const LETTERS = 'abcdefghijklmnopqrstuvwxyz'

interface Talk {
  readonly client: Side
  readonly server: Side
}

export interface TrafficCounts {
  days: number
  packets: number
  connections: number
  /** Requests that got their response. */
  answered: number
  leftOpen: number
}

/** One day at a time; the capture is of so many rounds a day, each of one or a few connections. */
export class WeeksOfTraffic {
  readonly counts: TrafficCounts = { days: 0, packets: 0, connections: 0, answered: 0, leftOpen: 0 }
  readonly #random: Random
  readonly #w: FrameWriter
  readonly #longLived: Talk[] = []
  readonly #waiting: Talk[] = []
  readonly #rounds: readonly (() => void)[] = [
    () => this.#redis(),
    () => this.#http(),
    () => this.#memcached(),
    () => this.#unknownProtocol(),
    () => this.#names(),
    () => this.#leaveOpen(),
    () => this.#unanswered(),
    () => this.#holes(),
    () => this.#waitForDays(),
    () => this.#samePorts(),
    () => this.#beginning(),
    () => this.#longLivedTalks(),
  ]
  #made = 0

  constructor(take: TakeBytes, seed = 1) {
    this.#random = new Random(seed)
    this.#w = new FrameWriter(take)
    for (let i = 0; i < LONG_LIVED; i++) this.#longLived.push(this.#open(this.#server(i % 8, 6379)))
  }

  /** So many connections that nobody closes, at once: what fills the tables. */
  fill(connections: number): void {
    const end = this.counts.leftOpen + connections
    for (let round = 0; this.counts.leftOpen < end; round++) this.#rounds[4 + (round % 7)]!()
    this.counts.packets = this.#w.packets
    this.#w.flush()
  }

  /** Requests to a server, each answered at once, on a connection of their own. */
  visit(address: number, requests: number): void {
    const talk = this.#open(this.#side(address, 6379))
    for (let i = 0; i < requests; i++) this.#exchange(talk, resp('GET', 'a'), '$1\r\nx\r\n')
    this.#close(talk)
    this.counts.packets = this.#w.packets
    this.#w.flush()
  }

  /** The bytes of a day go to `take`, in chunks of megabytes. */
  day(rounds: number): void {
    const step = Math.floor(DAY_MICROS / rounds)
    for (let round = 0; round < rounds; round++) {
      const at = this.#w.micros
      this.#rounds[round % this.#rounds.length]!()
      if (this.#w.micros < at + step) this.#w.micros = at + step
    }
    this.#burst()
    this.#flood(2000)
    this.#setClock()
    this.counts.days++
    this.counts.packets = this.#w.packets
    this.#w.flush()
  }

  close(): void {
    this.#w.close()
  }

  // --- what comes in a round ---

  /** A server of the few that are there all the time. */
  #server(i: number, port: number): Side {
    return this.#side(0x0a640000 + i, port)
  }

  /** A server that nobody has talked to before. */
  #newServer(port: number): Side {
    this.#made++
    return this.#side(0x0b000000 + this.#made, port)
  }

  #redis(): void {
    const talk = this.#open(this.#server(this.#random.below(8), 6379))
    this.#exchange(talk, resp('SET', `${this.#word()}:${this.#word()}`, 'v'), '+OK\r\n')
    this.#exchange(talk, resp(this.#word(), this.#word()), '-ERR unknown command\r\n')
    this.#exchange(talk, resp('GET', this.#word()), '$-1\r\n')
    this.#close(talk)
  }

  #http(): void {
    const talk = this.#open(this.#newServer(80))
    for (let i = 0; i < 3; i++) {
      const request = `GET /${this.#word()}/${this.#word()}?q=${this.#word()} HTTP/1.1\r\nHost: ${this.#word()}\r\n\r\n`
      this.#exchange(talk, request, `HTTP/1.1 ${i === 2 ? '503 No' : '200 OK'}\r\nContent-Length: 2\r\n\r\nok`)
    }
    this.#close(talk)
  }

  #memcached(): void {
    const talk = this.#open(this.#newServer(11211))
    this.#exchange(talk, `get ${this.#word()}\r\n`, 'END\r\n')
    this.#exchange(talk, `set ${this.#word()} 0 0 1\r\nx\r\n`, 'STORED\r\n')
    this.#send(talk.client, talk.server, 'quit\r\n')
    this.#close(talk)
  }

  #unknownProtocol(): void {
    const talk = this.#open(this.#newServer(1024 + this.#random.below(60_000)))
    this.#exchange(talk, `${this.#word().toUpperCase()} ~${this.#word()}\n`, `~${this.#word()}\n`)
    this.#exchange(talk, `\x00\xff${this.#word()}`, '\x00\xfe')
    this.#close(talk)
  }

  /** Of which one gets no answer, and one is asked three times. */
  #names(): void {
    for (let i = 0; i < 4; i++) {
      const client = this.#client()
      const server = this.#server(i, 53)
      const query = dnsQuery(this.#random.below(65_536), `${this.#word()}.${this.#word()}.example`)
      this.#w.datagram(client, server, query)
      if (i === 0) continue
      if (i === 1) {
        this.#w.advance(1e6)
        this.#w.datagram(client, server, query)
      }
      this.#w.advance(500 + this.#random.below(5000))
      const answer = Buffer.from(query)
      answer[2] = 0x81
      answer[3] = i === 2 ? 0x83 : 0x80
      this.#w.datagram(server, client, answer)
      this.counts.answered++
    }
  }

  /** Nobody says goodbye: a client that crashed, a firewall that forgot. */
  #leaveOpen(): void {
    for (let i = 0; i < 3; i++) {
      const talk = this.#open(i === 0 ? this.#newServer(6379) : this.#server(i, i === 1 ? 80 : 9999))
      if (i === 1) this.#exchange(talk, `GET /${this.#word()} HTTP/1.1\r\n\r\n`, 'HTTP/1.1 204 OK\r\n\r\n')
      else this.#exchange(talk, i === 0 ? resp('PING') : `~${this.#word()}`, i === 0 ? '+PONG\r\n' : '~ok')
      this.counts.leftOpen++
    }
    // half-open, and half-closed
    const client = this.#client()
    this.#w.segment(client, this.#newServer(80), SYN, client.sequence, NOTHING, 0, 0)
    const half = this.#open(this.#server(0, 80))
    this.#w.segment(half.client, half.server, FIN | ACK, half.client.sequence, NOTHING, 0, 0)
  }

  #unanswered(): void {
    const talk = this.#open(this.#server(0, 6379))
    for (let i = 0; i < 8; i++) this.#send(talk.client, talk.server, resp('GET', this.#word()))
    const http = this.#open(this.#server(1, 80))
    this.#send(http.client, http.server, `POST /${this.#word()} HTTP/1.1\r\nContent-Length: 9999999\r\n\r\npart`)
    this.counts.leftOpen += 2
  }

  /** Bytes that nobody captured, and bytes that wait for ever for those before them. */
  #holes(): void {
    const talk = this.#open(this.#server(2, 6379))
    talk.client.sequence += 100
    this.#exchange(talk, resp('GET', this.#word()), '$1\r\nx\r\n')
    talk.server.sequence += 1000
    for (let i = 0; i < 5; i++) this.#exchange(talk, resp('GET', this.#word()), '$1\r\nx\r\n')
    const never = this.#open(this.#server(3, 80))
    this.#w.segment(never.client, never.server, PSH | ACK, never.client.sequence + 5000, Buffer.alloc(900), 0, 900)
    this.counts.leftOpen += 2
  }

  /** BLPOP and SUBSCRIBE are answered days later, if ever. */
  #waitForDays(): void {
    const talk = this.#open(this.#server(4, 6379))
    const topic = this.#word()
    if (this.#random.oneIn(2)) this.#send(talk.client, talk.server, resp('BLPOP', topic, '0'))
    else this.#exchange(talk, resp('SUBSCRIBE', topic), `*3\r\n$9\r\nsubscribe\r\n$8\r\n${topic}\r\n:1\r\n`)
    this.counts.leftOpen++
    this.#waiting.push(talk)
    if (this.#waiting.length < 500) return
    const old = this.#waiting.shift()!
    this.#send(old.server, old.client, resp('message', 'a', 'b'))
    this.#close(old)
  }

  /** The same 4-tuple again and again, at times without having been closed. */
  #samePorts(): void {
    const client = this.#side(0x0c000001, 40_000 + this.#random.below(50))
    const talk = this.#open(this.#server(5, 6379), client)
    this.#exchange(talk, resp('INCR', this.#word()), ':1\r\n')
    if (this.#random.oneIn(2)) this.#w.segment(talk.client, talk.server, RST, talk.client.sequence, NOTHING, 0, 0)
  }

  /** So little is said that nobody can tell what is spoken; and the middle of something. */
  #beginning(): void {
    const talk = this.#open(this.#newServer(7000))
    for (let i = 0; i < 3; i++) this.#send(talk.client, talk.server, this.#random.pick(['G', 'P', '*', '$']))
    const middle = { client: this.#client(), server: this.#newServer(8000) }
    for (let i = 0; i < 12; i++) this.#send(middle.client, middle.server, LETTERS[i]!)
    this.counts.leftOpen += 2
  }

  #longLivedTalks(): void {
    const talk = this.#random.pick(this.#longLived)
    for (let i = 0; i < 8; i++) this.#exchange(talk, resp('GET', `user:${this.#random.next()}`), '$5\r\nhello\r\n')
  }

  // --- what comes once a day ---

  /** A server stops answering while its clients pipeline. */
  #burst(): void {
    const talks = Array.from({ length: BURST_CONNECTIONS }, () => this.#open(this.#server(6, 6379)))
    for (let i = 0; i < BURST_REQUESTS; i++) {
      const talk = talks[i % BURST_CONNECTIONS]!
      this.#send(talk.client, talk.server, resp('GET', this.#word()).repeat(4))
    }
    for (const talk of talks) this.#w.segment(talk.client, talk.server, RST, talk.client.sequence, NOTHING, 0, 0)
  }

  #flood(packets: number): void {
    const server = this.#server(7, 80)
    for (let i = 0; i < packets; i++) {
      const client = this.#client()
      this.#w.segment(client, server, SYN, client.sequence, NOTHING, 0, 0)
    }
  }

  /** One frame of another time, then the clock really is set: back by an hour on even days, else ahead. */
  #setClock(): void {
    const { micros } = this.#w
    for (const absurd of [4_000_000_000e6, 1e6]) {
      this.#w.micros = absurd
      const { client, server } = this.#random.pick(this.#longLived)
      this.#w.segment(client, server, ACK, client.sequence, NOTHING, 0, 0)
      this.#w.micros = micros
      this.#longLivedTalks()
    }
    this.#w.advance(this.counts.days % 2 === 0 ? -3600e6 : 3600e6)
    this.#longLivedTalks()
  }

  // --- conversations ---

  #side(address: number, port: number): Side {
    const sequence = this.#random.next()
    return { address, port, sequence, ipId: sequence & 0xffff }
  }

  /** Nobody that was here before, for millions of them. */
  #client(): Side {
    this.#made++
    return this.#side(0x0d000000 + (this.#made >>> 12), 10_000 + (this.#made & 0xfff))
  }

  #word(): string {
    let word = ''
    for (let i = 0; i < 8; i++) word += LETTERS[this.#random.below(26)]
    return word
  }

  #open(server: Side, client = this.#client()): Talk {
    this.counts.connections++
    this.#w.segment(client, server, SYN, client.sequence, NOTHING, 0, 0)
    advance(client, 1)
    this.#w.advance(100)
    this.#w.segment(server, client, SYN | ACK, server.sequence, NOTHING, 0, 0)
    advance(server, 1)
    this.#w.segment(client, server, ACK, client.sequence, NOTHING, 0, 0)
    return { client, server }
  }

  #exchange({ client, server }: Talk, request: string, response: string): void {
    this.#send(client, server, request)
    this.#w.advance(200 + this.#random.below(20_000))
    this.#send(server, client, response)
    this.counts.answered++
  }

  #send(from: Side, to: Side, text: string): void {
    const bytes = Buffer.from(text, 'latin1')
    this.#w.segment(from, to, PSH | ACK, from.sequence, bytes, 0, bytes.length)
    advance(from, bytes.length)
  }

  #close({ client, server }: Talk): void {
    this.#w.segment(client, server, FIN | ACK, client.sequence, NOTHING, 0, 0)
    advance(client, 1)
    this.#w.segment(server, client, FIN | ACK, server.sequence, NOTHING, 0, 0)
    advance(server, 1)
    this.#w.segment(client, server, ACK, client.sequence, NOTHING, 0, 0)
  }
}

function advance(side: Side, bytes: number): void {
  side.sequence = (side.sequence + bytes) >>> 0
}

/** A command as Redis' clients send it (RESP2), or a push to them. */
function resp(...words: string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`
}

/** A query for an address (RFC 1035 §4), `recursion desired`. */
function dnsQuery(id: number, name: string): Buffer {
  const labels = name.split('.').map((label) => `${String.fromCharCode(label.length)}${label}`)
  const head = Buffer.alloc(12)
  head.writeUInt16BE(id, 0)
  head[2] = 0x01
  head[5] = 1
  return Buffer.concat([head, Buffer.from(`${labels.join('')}\0\0\x01\0\x01`, 'latin1')])
}
